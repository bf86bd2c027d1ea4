"""How networks for places are trained. `small` is for one core of a processor, `paper` as NetVLAD
was trained (Arandjelovic et al., CVPR 2016), on which the semantic descriptor is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from semloc_ros.config.learning import LoopConfig
from semloc_ros.options import option, section

ARCHITECTURES = ("small", "shallow", "alexnet")
POOLINGS = ("gem", "netvlad", "grid")
CONTRASTS = ("none", "local", "gradients")  # what is done about light

def _labels_width() -> Any:
    return option(
        640, "to which narrower images are enlarged before a model labels them", unit="px",
        low=0, high=8192,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PairingConfig:
    """Which images show one place, and which do not."""

    positive_m: float = option(
        10.0, "images of one place are no farther apart", unit="m", low=0.01, high=1000.0
    )
    negative_m: float = option(
        25.0, "images of other places are farther apart", unit="m", low=0.01, high=10_000.0
    )
    heading_deg: float = option(
        30.0, "and look in directions that differ by no more", unit="deg", low=0.0, high=180.0
    )
    field_deg: float = option(
        65.0, "what lies in the middle of one image, view_m ahead, must lie in the other's field "
        "of view of this angle", unit="deg", low=1.0, high=360.0,
    )  # fmt: skip
    view_m: float = option(
        20.0, "how far ahead the middle of an image is taken to be", unit="m", low=0.1, high=1000.0
    )


@dataclass(frozen=True, slots=True)
class LightChangesConfig:
    """How the colours of training images are changed by chance."""

    brightness: float = option(
        0.3, "images are made brighter or darker by up to this share", low=0.0, high=0.9
    )
    contrast: float = option(
        0.3, "the same about the mean, of the contrast", low=0.0, high=0.9
    )
    gamma: float = option(
        0.35, "exponent of the values, to e to the plus or minus this", low=0.0, high=2.0
    )
    tint: float = option(
        0.25, "each channel brighter or darker by up to this share", low=0.0, high=0.9
    )
    blur_px: float = option(
        1.0, "standard deviation of a blur, at most", unit="px", low=0.0, high=20.0
    )
    noise: float = option(
        8.0, "standard deviation of noise, at most, of 255", low=0.0, high=100.0
    )


@dataclass(frozen=True, slots=True)
class ChangesConfig(LightChangesConfig):
    """How training images are changed by chance; of label maps colours are not."""

    mirror: bool = option(True, "every other tuple of images is mirrored")
    shift: float = option(
        0.15, "images are shifted and cut by up to this share of their sides", low=0.0, high=0.5
    )
    blocks: int = option(
        2, "blocks of an image that people or cars might hide, at most", low=0, high=100
    )
    block: float = option(
        0.35, "sides of a block, share of the image's at most", low=0.0, high=1.0
    )
    warp_px: float = option(
        3.0, "labels: boundaries are moved by smooth waves of this standard deviation, at most, "
        "in pixels of the network's input", unit="px", low=0.0, high=50.0,
    )  # fmt: skip
    drop: float = option(
        0.1, "labels: chance that all pixels of a label are taken to be unknown", low=0.0,
        high=1.0,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlacesTrainingConfig:
    """Descriptors of places, by triplets of images and hard negatives."""

    architecture: str = option("small", "of the network", choices=ARCHITECTURES)
    pooling: str = option("gem", "of the features", choices=POOLINGS)
    dimensions: int = option(256, "of a descriptor", low=2, high=32_768)
    width: int = option(
        160, "of the network's input: pixels, or cells of edges or of labels", low=16, high=4096
    )
    height: int = option(
        120, "of the network's input: pixels, or cells of edges or of labels", low=16, high=4096
    )
    contrast: str = option(
        "none", "of RGB images: as it is, normalized against what is around each pixel, or nothing "
        "of it but the directions of edges", choices=CONTRASTS,
    )
    labels_width: int = _labels_width()
    loss: str = option(
        "triplet", "hinges over triplets with a margin, or their smooth form: the softmax over a "
        "positive and all its negatives", choices=("triplet", "softmax"),
    )
    temperature: float = option(0.07, "softmax: of the cosines", low=0.001, high=10.0)
    margin: float = option(
        0.1, "by which squared distances to negatives must be longer", low=0.0001, high=2.0
    )
    negatives: int = option(4, "hardest ones of a tuple", low=1, high=1000)
    negative_pool: int = option(
        1000, "images drawn by chance among which they are the hardest", low=1, high=1_000_000
    )
    batch_negatives: bool = option(
        True, "images of the step's other tuples are negatives too, where they are far enough"
    )
    refresh_every: int = option(
        250, "iterations after which the descriptors of all images, among which the hard ones are "
        "sought, are computed anew; they are validated then too", low=1, high=1_000_000,
    )  # fmt: skip
    centre_features: int = option(
        50_000, "features that NetVLAD's first centres are the means of", low=64, high=10_000_000
    )
    memory_mb: int = option(
        1500, "images of the network's size that are kept, read once", unit="MB", low=0,
        high=1_000_000,
    )  # fmt: skip
    validation_share: float = option(
        0.3, "of the places, kept for validation where no folder is for it", low=0.01, high=0.9
    )
    place_blocks: int = option(
        10, "stretches of a traversal that are split into training and validation", low=2,
        high=10_000,
    )  # fmt: skip
    pairing: PairingConfig = section(PairingConfig)
    changes: ChangesConfig = section(ChangesConfig)
    training: LoopConfig = section(LoopConfig)


@dataclass(frozen=True, slots=True)
class HybridTrainingConfig:
    """The weight of two descriptors in one."""

    steps: int = option(50, "weights that are tried, beside 0", low=1, high=10_000)
    queries: int = option(5000, "that are sought, at most", low=1, high=10_000_000)
    labels_width: int = _labels_width()
    pairing: PairingConfig = section(PairingConfig)


PLACES_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "small": {
        "architecture": "shallow", "pooling": "grid", "contrast": "gradients",
        "width": 24, "height": 16, "loss": "softmax", "negatives": 1, "refresh_every": 100,
        "training.iterations": 1000, "training.batch": 32, "training.learning_rate": 0.001,
        "training.validate_every": 100, "training.validation_samples": 500,
    },
    # what it says in section 5 and its appendix: margin, negatives and the pool of 1000 they are
    # drawn from, new descriptors every 500 to 1000 queries, 4 tuples a step
    "paper": {
        "architecture": "alexnet", "pooling": "netvlad", "dimensions": 4096,
        "width": 320, "height": 240, "margin": 0.1, "negatives": 10, "negative_pool": 1000,
        "batch_negatives": False, "refresh_every": 250,
        "training.iterations": 60_000, "training.batch": 4, "training.optimizer": "sgd",
        "training.learning_rate": 0.001, "training.momentum": 0.9,
        "training.weight_decay": 0.001, "training.schedule": "constant",
        "training.validate_every": 1000, "training.validation_samples": 1000,
    },
}  # fmt: skip
