"""How images are labelled by a network, and the node that does it."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.config.backends import BackendConfig
from semloc_ros.options import option, section


@dataclass(frozen=True, slots=True)
class LabellerConfig(BackendConfig):
    """From an image to its label map, whatever the model."""

    label_stride: int = option(
        0, "width of the cells that get a label: 1, 2, 4 or 8; 0: as the model says", unit="px",
        low=0, high=8,
    )
    inference: str = option(
        "whole", "the image at once, or in overlapping patches", choices=("whole", "patches")
    )
    patch_px: int = option(713, "patches: their width and height", unit="px", low=16, high=8192)
    step_px: int = option(476, "patches: from one to the next", unit="px", low=8, high=8192)
    centre_px: int = option(
        236, "patches: width of the centre that counts fully", unit="px", low=0, high=8192
    )


@dataclass(frozen=True, slots=True)
class FgsnSegmenterNodeConfig:
    """The node that labels a camera's images."""

    model: str = option(
        "", "name of a model in models/, or a file: .safetensors, .onnx, or .npz (clusters)"
    )
    autostart: bool = option(True, "configure and activate without a lifecycle manager")
    image_transport: str = option(
        "raw", "kind of the image topic", choices=("raw", "compressed")
    )
    labeller: LabellerConfig = section(LabellerConfig)
