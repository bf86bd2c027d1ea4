"""How networks for dynamic objects are trained: in two stages, as Zhou et al., "Dynamic Objects
Segmentation for Visual Localization in Urban Environments", section IV. `small` is for a processor
and for pictures of worlds, `paper` has the published settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from semloc_ros.config.learning import LoopConfig
from semloc_ros.config.places_learning import LightChangesConfig
from semloc_ros.options import option, section

INSTANCE_ARCHITECTURES = ("mobile", "resnet50_fpn")


@dataclass(frozen=True, slots=True)
class PicturesConfig(LightChangesConfig):
    """What is made of an image before it is learned from."""

    width: int = option(320, "of what is cut out of each image", unit="px", low=64, high=4096)
    height: int = option(240, "of what is cut out of each image", unit="px", low=64, high=4096)
    mirror: bool = option(True, "every other image is mirrored")
    zoom_in: float = option(
        2.0, "the largest part that fits is cut, or one so many times smaller, and enlarged",
        low=1.0, high=10.0,
    )
    zoom_out: float = option(
        1.25, "or images are made smaller, by up to this factor", low=1.0, high=10.0
    )
    aimed: float = option(
        0.5, "share of the parts that are cut where there is a dynamic object", low=0.0, high=1.0
    )
    grey: float = option(0.1, "share of the images that lose their colours", low=0.0, high=1.0)
    least_px: int = option(
        16, "what remains of an object must have so many pixels; otherwise it is unsure",
        unit="px", low=1, high=100_000,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class StageConfig(LoopConfig):
    """One of the two stages."""

    epochs: float = option(
        0.0, "times that each image is seen, on average; 0: as many as iterations make", low=0.0,
        high=100_000.0,
    )  # fmt: skip
    freeze_backbone: bool = option(
        True, "the encoder stays as it is; in stage 1 only if --start brings one that has learned"
    )


@dataclass(frozen=True, slots=True)
class DynamicTrainingConfig:
    """Dynamic objects, by a network that finds instances."""

    architecture: str = option("mobile", "of the network", choices=INSTANCE_ARCHITECTURES)
    short_side: int = option(
        240, "to which the network brings the shorter side of images", unit="px", low=64,
        high=4096,
    )
    unsure_share: float = option(
        0.3, "a box without an object, more of which is unsure, is not taken to be static",
        low=0.0, high=1.0,
    )  # fmt: skip
    score: float = option(
        0.5, "validation: what has a higher score counts as found", low=0.0, high=1.0
    )
    validation_share: float = option(
        0.2, "of the images, kept for validation where no folder is for it", low=0.01, high=0.9
    )
    blocks: int = option(
        10, "stretches of each run and clip that are split into training and validation", low=2,
        high=10_000,
    )
    pictures: PicturesConfig = section(PicturesConfig)
    stage1: StageConfig = section(StageConfig)
    stage2: StageConfig = section(StageConfig)


# of `paper`, what it does not say: sgd with momentum, the batch and the size of images, as
# torchvision's networks were trained, and whether the encoder learns in stage 2 (section III-A:
# "only fine-tune the head")
DYNAMIC_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "small": {
        "stage1.iterations": 4000, "stage1.batch": 8, "stage1.learning_rate": 1e-3,
        "stage1.validate_every": 250, "stage1.validation_samples": 60,
        "stage2.iterations": 1000, "stage2.batch": 8, "stage2.learning_rate": 1e-4,
        "stage2.validate_every": 125, "stage2.validation_samples": 60,
        "stage2.freeze_backbone": False,
    },
    "paper": {
        "architecture": "resnet50_fpn", "short_side": 800,
        "pictures.width": 1333, "pictures.height": 800,
        **{
            f"{stage}.{name}": value
            for stage, rate in (("stage1", 1e-3), ("stage2", 1e-4))
            for name, value in {
                "epochs": 50.0, "batch": 2, "optimizer": "sgd", "learning_rate": rate,
                "schedule": "constant", "momentum": 0.9, "validate_every": 500,
                "validation_samples": 100,
            }.items()
        },
    },
}  # fmt: skip
