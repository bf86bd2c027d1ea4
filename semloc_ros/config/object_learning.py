"""How networks of objects of interest are built and trained (Weinzaepfel et al., "Visual
Localization by Learning Objects-of-Interest Dense Match Regression", CVPR 2019). `paper` has the
settings of its section 3.2, `small` is for a processor, a dozen objects and a dozen images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from semloc_ros.config.learning import LoopConfig
from semloc_ros.config.places_learning import LightChangesConfig
from semloc_ros.options import option, section

OBJECT_ARCHITECTURES = ("mobile", "resnet50_fpn", "resnext101_32x8d_fpn")
OBJECT_HEADS = ("dense", "homography", "points3d")  # of matches; the last two are section 5.1's


@dataclass(frozen=True, slots=True)
class OccludersConfig:
    """What is pasted over training images, and hides objects as visitors do."""

    most: int = option(3, "in an image; 0 pastes none", low=0, high=100)
    least_height: float = option(
        0.15, "of one, as a share of the image's height", low=0.01, high=2.0
    )
    most_height: float = option(0.9, "of one", low=0.01, high=4.0)
    cut_outs: float = option(
        0.7, "share of them that are people of --occluders, where there are any; the others are "
        "shapes of any colours", low=0.0, high=1.0,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ObjectPicturesConfig(LightChangesConfig):
    """What is made of an image before it is learned from."""

    homography: float = option(
        0.33, "each corner of an image moves by up to this share of its sides; 0 leaves images as "
        "they are", low=0.0, high=0.45,
    )  # fmt: skip
    near: float = option(
        0.5, "share of samples that look at one object, by chance from afar to so near that it is "
        "cut off; others show the whole image. Not of the paper", low=0.0, high=1.0,
    )  # fmt: skip
    jitter: bool = option(True, "light is changed, by the shares here; otherwise not at all")
    saturation: float = option(
        0.4, "colours are made stronger or weaker by up to this share", low=0.0, high=1.0
    )
    least_px: int = option(
        64, "of an object must be seen, of what goes into the network; otherwise it is none",
        unit="px", low=1, high=1_000_000,
    )  # fmt: skip
    occluders: OccludersConfig = section(OccludersConfig)


@dataclass(frozen=True, slots=True)
class ObjectTrainingConfig:
    """Objects of interest: found, and matched to their reference images pixel by pixel."""

    architecture: str = option("mobile", "of the network", choices=OBJECT_ARCHITECTURES)
    head: str = option(
        "dense", "what it says of a find: u and v of each pixel, the homography of its box, or the "
        "point of the map at each pixel", choices=OBJECT_HEADS,
    )  # fmt: skip
    short_side: int = option(
        240, "to which the network brings the shorter side of images", unit="px", low=64, high=4096
    )
    uv_weight: float = option(
        1.0, "of the losses of u and v (or of what the other heads say) beside the others; the "
        "paper tells none", low=0.0, high=1000.0,
    )  # fmt: skip
    validation_share: float = option(
        0.0, "of the images, kept for validation where no folder is for it; 0: those that are "
        "learned from, which flatters", low=0.0, high=0.9,
    )  # fmt: skip
    blocks: int = option(
        10, "stretches of the images that are split into training and validation", low=2,
        high=10_000,
    )  # fmt: skip
    memory_mb: int = option(
        1500, "images and their truth that are kept, read once", unit="MB", low=0, high=1_000_000
    )
    pictures: ObjectPicturesConfig = section(ObjectPicturesConfig)
    training: LoopConfig = section(LoopConfig)


# of `paper`, what it does not say: the size of images (that of Mask R-CNN) and how much light is
# changed; a rate of 0.00125 on one GPU is that of one image a step
OBJECT_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "small": {
        "training.iterations": 2000, "training.batch": 4, "training.learning_rate": 1e-3,
        "training.validate_every": 250, "training.validation_samples": 60,
    },
    "paper": {
        "architecture": "resnet50_fpn", "short_side": 800, "pictures.near": 0.0,
        "pictures.gamma": 0.0, "pictures.tint": 0.0, "pictures.blur_px": 0.0,
        "pictures.noise": 0.0, "pictures.brightness": 0.4, "pictures.contrast": 0.4,
        "pictures.occluders.most": 0,
        "training.iterations": 500_000, "training.batch": 1, "training.optimizer": "sgd",
        "training.learning_rate": 0.00125, "training.schedule": "steps",
        "training.momentum": 0.9, "training.weight_decay": 1e-4,
        "training.validate_every": 5000, "training.validation_samples": 200,
    },
}  # fmt: skip
