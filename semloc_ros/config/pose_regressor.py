"""The node that regresses a coarse pose from each image."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.config.backends import BackendConfig
from semloc_ros.options import option, section


@dataclass(frozen=True, slots=True)
class PoseRegressorNodeConfig:
    """From images to coarse poses of the camera, by a network trained in the map."""

    model: str = option("", "a model of poses (semloc train pose): a name in models/ or a file")
    map: str = option(
        "", "folder of the map, to see that the model was trained there; empty: it is trusted"
    )
    autostart: bool = option(True, "configure and activate without a lifecycle manager")
    image_transport: str = option(
        "raw", "kind of the image topic", choices=("raw", "compressed")
    )
    map_frame: str = option("map", "frame of the map")
    mask_wait_ms: float = option(
        1000.0, "longest wait for the mask of an image while masks come, where the model learned "
        "from masked ones", unit="ms", low=0.0, high=2000.0,
    )
    regressor: BackendConfig = section(BackendConfig)
