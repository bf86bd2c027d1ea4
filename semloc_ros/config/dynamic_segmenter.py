"""The node that masks what is dynamic in a camera's images."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.config.dynamic import DynamicConfig
from semloc_ros.options import option, section


@dataclass(frozen=True, slots=True)
class PropagationConfig:
    """How masks are carried on from the image that the network saw to later ones."""

    max_age: float = option(
        1.5, "oldest mask of the network that is carried on; there is none beyond", unit="s",
        low=0.0, high=60.0, live=True,
    )
    flow_width: int = option(
        160, "motion between images is found at this width", unit="px", low=48, high=1920
    )


@dataclass(frozen=True, slots=True)
class DynamicSegmenterNodeConfig:
    """The node that masks what is dynamic in a camera's images."""

    model: str = option("", "name of a model in models/, or a file: .safetensors, .onnx or .pth")
    autostart: bool = option(True, "configure and activate without a lifecycle manager")
    image_transport: str = option(
        "raw", "kind of the image topic", choices=("raw", "compressed")
    )
    network_nice: int = option(
        10, "the network's process gives way to others: 0 not, 19 as far as it goes",
        low=0, high=19,
    )
    dynamic: DynamicConfig = section(DynamicConfig)
    propagation: PropagationConfig = section(PropagationConfig)
