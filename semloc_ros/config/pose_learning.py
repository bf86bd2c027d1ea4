"""How networks that regress the camera's pose are trained. `paper` has the settings of Cimarelli et
al., AVSS 2019, section 5.1; `small` is for a processor and for worlds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from semloc_ros.config.learning import LoopConfig
from semloc_ros.options import option, section

POSE_ARCHITECTURES = ("mobile", "googlenet", "resnet152", "resnet152v2")


@dataclass(frozen=True, slots=True)
class PoseLightConfig:
    """How the light of training images is changed by chance; what is masked stays zero."""

    brightness: float = option(
        0.2, "images are made brighter or darker by up to this share", low=0.0, high=0.9
    )
    contrast: float = option(
        0.2, "the same about the data set's mean, of the contrast", low=0.0, high=0.9
    )
    tint: float = option(
        0.1, "each channel brighter or darker by up to this share", low=0.0, high=0.9
    )


@dataclass(frozen=True, slots=True)
class PoseLoopConfig(LoopConfig):
    """The loop of pose networks."""

    epochs: float = option(
        0.0, "times that each image is seen, on average; 0: as many as iterations make", low=0.0,
        high=1_000_000.0,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PoseTrainingConfig:
    """The camera's pose, from one image."""

    architecture: str = option("mobile", "of the network", choices=POSE_ARCHITECTURES)
    short_side: int = option(
        120, "to which images are brought on their shorter side before a part is cut; 0: none are",
        unit="px", low=0, high=8192,
    )  # fmt: skip
    width: int = option(144, "of the part that goes in", unit="px", low=64, high=4096)
    height: int = option(112, "of the part that goes in", unit="px", low=64, high=4096)
    random_crops: bool = option(True, "parts are cut by chance in training; otherwise the middle")
    scale_position: float = option(
        0.6, "the first log weight of the position's loss (s_x)", low=-20.0, high=20.0
    )
    scale_rotation: float = option(
        0.2, "the first log weight of the rotation's loss (s_q)", low=-20.0, high=20.0
    )
    batchnorm_momentum: float = option(
        0.9, "share of its statistics that batch normalization keeps at each step", low=0.0,
        high=0.9999,
    )  # fmt: skip
    validation_share: float = option(
        0.1, "of the images, kept for validation where no folder is for it", low=0.01, high=0.9
    )
    blocks: int = option(
        20, "stretches of each run that are split into training and validation", low=2,
        high=10_000,
    )  # fmt: skip
    memory_mb: int = option(
        1500, "images of the network's size that are kept, read once", unit="MB", low=0,
        high=1_000_000,
    )  # fmt: skip
    light: PoseLightConfig = section(PoseLightConfig)
    training: PoseLoopConfig = section(PoseLoopConfig)


# of `paper`, what it does not say: that images are made smaller before they are cut (as of PoseNet,
# whose 256 pixels it follows in all else) and how long it trains. AdamW that decays nothing is Adam
POSE_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "small": {
        "training.iterations": 1500, "training.batch": 16, "training.learning_rate": 1e-3,
        "training.validate_every": 150, "training.validation_samples": 200,
    },
    "paper": {
        "architecture": "googlenet", "short_side": 256, "width": 224, "height": 224,
        "batchnorm_momentum": 0.99,
        "light.brightness": 0.0, "light.contrast": 0.0, "light.tint": 0.0,
        "training.iterations": 30_000, "training.batch": 64,
        "training.optimizer": "adamw", "training.momentum": 0.9, "training.weight_decay": 0.0,
        "training.learning_rate": 1e-4, "training.schedule": "constant",
        "training.validate_every": 500, "training.validation_samples": 1000,
    },
}  # fmt: skip
