"""How networks are trained. The `paper` presets are the published settings, `small` those of the
models that come with the package, trained on a made-up street by one core of a processor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from semloc_ros.options import option, section

ARCHITECTURES = ("mobile", "pspnet_resnet101")


@dataclass(frozen=True, slots=True)
class LoopConfig:
    """What all training programs share."""

    iterations: int = option(1000, "steps of the optimizer", low=1, high=10_000_000)
    batch: int = option(
        4, "samples of a step; a pair or a tuple of images is one", low=1, high=1024
    )
    accumulate: int = option(
        1, "equal parts that a batch goes through the network in, where memory is short; batch "
        "normalization sees a part", low=1, high=1024,
    )  # fmt: skip
    optimizer: str = option("adamw", "of the weights", choices=("adamw", "sgd"))
    learning_rate: float = option(0.001, "at the start", low=1e-8, high=10.0)
    schedule: str = option(
        "cosine", "the learning rate falls along a cosine to zero, or stays, or is divided by ten "
        "after 60 and after 84 % of the steps", choices=("cosine", "constant", "steps"),
    )
    momentum: float = option(0.9, "of sgd, and the first of adamw", low=0.0, high=0.999)
    weight_decay: float = option(0.0001, "of all weights", low=0.0, high=1.0)
    freeze_batchnorm: bool = option(
        False, "batch normalization keeps the statistics that come with --start"
    )
    validate_every: int = option(
        200, "iterations between two looks at the validation set", low=1, high=1_000_000
    )
    validation_samples: int = option(
        48, "of the validation set, at most", low=1, high=1_000_000
    )
    workers: int = option(0, "processes that read images; 0 reads in the main one", low=0, high=64)
    threads: int = option(0, "of the processor; 0 leaves it to torch", low=0, high=1024)
    accelerator: str = option("auto", "what computes", choices=("auto", "cpu", "cuda"))
    devices: int = option(1, "how many; more than one is started by torchrun", low=1, high=1024)
    precision: str = option(
        "32-true", "of the numbers", choices=("32-true", "16-mixed", "bf16-mixed")
    )


@dataclass(frozen=True, slots=True)
class TrainingConfig(LoopConfig):
    """What the training of segmentation networks adds."""

    crop_px: int = option(
        320, "width and height of what is cut out of each image", unit="px", low=64, high=4096
    )
    auxiliary_weight: float = option(
        0.4, "of the losses of the auxiliary head", low=0.0, high=10.0
    )


@dataclass(frozen=True, slots=True)
class FgsnTrainingConfig:
    """Fine-grained segmentation networks (Larsson et al., ICCV 2019, section 3)."""

    architecture: str = option("mobile", "of the network", choices=ARCHITECTURES)
    clusters: int = option(100, "labels of the network", low=2, high=65534)
    correspondence_weight: float = option(
        1.0, "of L_corr beside L_class; 0 trains without correspondences", low=0.0, high=100.0
    )
    points_per_pair: int = option(
        300, "correspondences of a pair that a step uses", low=1, high=100_000
    )
    recluster_every: int = option(
        0, "iterations between two clusterings; 0 clusters once, at the start", low=0,
        high=10_000_000,
    )
    features_per_image: int = option(
        400, "features of a reference image that are clustered", low=2, high=1_000_000
    )
    dimensions: int = option(256, "of the features that are clustered", low=1, high=512)
    rounds: int = option(30, "of k-means", low=1, high=1000)
    validation_share: float = option(
        0.3, "of the places, kept for validation", low=0.01, high=0.9
    )
    place_blocks: int = option(
        10, "stretches of neighbouring places that are split into training and validation",
        low=2, high=10_000,
    )
    stationary_ratio: float = option(
        0.2, "a label stays where it is if its share of the correspondences is this times its "
        "share of the pixels", low=0.0, high=10.0,
    )
    training: TrainingConfig = section(TrainingConfig)


@dataclass(frozen=True, slots=True)
class SegmentationTrainingConfig:
    """A network for the classes of Cityscapes: to start from, and to compare with."""

    architecture: str = option("mobile", "of the network", choices=ARCHITECTURES)
    brightness_jitter: float = option(
        0.3, "images are made brighter or darker by up to this share, each channel by a third of "
        "it", low=0.0, high=0.9,
    )
    flip: bool = option(True, "every other image is mirrored")
    training: TrainingConfig = section(TrainingConfig)


# section 3, "Implementation Details"; what it leaves open (500 features per image, statistics that
# stay as the weights bring them, since a batch is one pair) as in the authors' own training
FGSN_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "small": {
        "training.iterations": 450, "training.crop_px": 256, "training.validate_every": 150,
        "training.validation_samples": 32,
    },
    "paper": {
        "architecture": "pspnet_resnet101", "clusters": 200, "recluster_every": 10_000,
        "points_per_pair": 5000, "features_per_image": 500,
        "training.iterations": 60_000, "training.batch": 1, "training.crop_px": 713,
        "training.optimizer": "sgd", "training.learning_rate": 2.5e-5,
        "training.schedule": "constant", "training.momentum": 0.9,
        "training.weight_decay": 1e-4, "training.freeze_batchnorm": True,
        "training.validate_every": 1000, "training.validation_samples": 500,
    },
}  # fmt: skip
SEGMENTATION_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "small": {
        "training.iterations": 900, "training.batch": 8, "training.crop_px": 256,
        "training.learning_rate": 0.002, "training.validate_every": 150,
        "training.validation_samples": 24,
    },
    "paper": {
        "architecture": "pspnet_resnet101",
        "training.iterations": 90_000, "training.batch": 8, "training.crop_px": 713,
        "training.optimizer": "sgd", "training.learning_rate": 0.01,
    },
}  # fmt: skip
