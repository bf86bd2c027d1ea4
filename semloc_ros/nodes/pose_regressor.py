"""The node `pose_regressor`: images in, a coarse pose of the camera in the map out.

    ros2 run semloc_ros pose_regressor --ros-args -p model:=NAME_OR_FILE \\
        -r image:=/camera/image_raw

`~/places` is what the localizer takes for `places`: one place, of no view of the map, with the
spread of the model's errors in training. It is where to look first, and never a fix.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseWithCovarianceStamped
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from semloc_ros.config import PoseRegressorNodeConfig
from semloc_ros.errors import MapError, SemlocError, expected
from semloc_ros.localization.companions import MASK
from semloc_ros.nodes import messages
from semloc_ros.nodes.image_node import BAD_MAP, BAD_MODEL, ImageNode
from semloc_ros.nodes.joined_images import JoinedImages
from semloc_ros.nodes.mask_input import MaskInput
from semloc_ros.nodes.newest import ImageStore
from semloc_ros.nodes.parameters import NodeParameters
from semloc_ros.nodes.place_messages import to_places
from semloc_ros.nodes.running import run
from semloc_ros.nodes.status import quiet_publisher
from semloc_ros.perception.place_finding import open_regressor
from semloc_ros.perception.pose_prior import PoseRegressor, as_places, load_pose_regressor
from semloc_ros.types import FloatArray

NO_MASK, OUTSIDE_MAP = "no_mask", "outside_map"


def load(config: PoseRegressorNodeConfig) -> PoseRegressor:
    """The configured model; SemlocError if it, the map or the options do not do."""
    if not config.map:
        return load_pose_regressor(config.model, config.regressor)
    return open_regressor(Path(config.map).expanduser(), config.model, config.regressor)


class PoseRegressorNode(ImageNode):
    """See the top of the file; `load` opens the model at configure."""

    def __init__(
        self,
        load: Callable[[PoseRegressorNodeConfig], PoseRegressor] = load,
        **node_options: Any,
    ) -> None:
        super().__init__("pose_regressor", **node_options)
        self._open = load
        self._regressor: PoseRegressor | None = None
        self._masks: MaskInput | None = None
        self._options = NodeParameters(
            self, PoseRegressorNodeConfig, lambda: self._regressor is not None
        )
        self._pose = quiet_publisher(self, PoseWithCovarianceStamped, "~/pose", 1)
        self._places = quiet_publisher(self, PointCloud2, "~/places", 1)
        if self._options.config.autostart:
            self._autostart()

    def close(self) -> None:
        """Stop the thread; nothing is published afterwards."""
        super().close()
        masks, self._masks = self._masks, None
        if masks is not None:
            masks.close()

    def _load(self) -> None:
        self._regressor = opened = self._open(self._options.config)
        images = "masked images" if opened.about.masked else "images"
        self.get_logger().info(f"{opened.name}: a pose from {images}, {opened.computed_by}")

    def _unload(self) -> None:
        self._regressor = None

    def _reason_of(self, error: SemlocError) -> str:
        return BAD_MAP if isinstance(error, MapError) else BAD_MODEL

    def _transport(self) -> str:
        return self._options.config.image_transport

    def _image_store(self) -> ImageStore:
        """Masks are listened to only where the model knows what to do with them."""
        assert self._regressor is not None, "active nodes have one"
        images = JoinedImages("", 0.0)
        if self._regressor.about.masked:
            wait_ms = self._options.config.mask_wait_ms
            self._masks = MaskInput(self, images, self._faults, wait_ms)
        return images

    def _work(self, image: NDArray[np.uint8], header: Header) -> Mapping[str, object]:
        regressor, masks, frame = self._regressor, self._masks, self._options.config.map_frame
        assert regressor is not None, "active nodes have one"
        stamp = messages.stamp_ns(header.stamp)
        mask = None if masks is None else masks.of(stamp, image)
        pose, covariance = regressor.estimate(image, mask)
        warning = self._warning(pose, masks is not None and mask is None)
        self._pose.publish(messages.to_pose_with_covariance(pose, covariance, frame, stamp))
        places = as_places(stamp, pose, covariance)
        self._places.publish(to_places(places, frame))
        assert places.spreads is not None, "a regressor knows its errors"
        return {
            **warning, "model": regressor.name, "mask": mask is not None,
            "spread_m": float(places.spreads[0, 0]),
            "spread_deg": float(np.degrees(places.spreads[0, 1])),
            **{f"{stage}_ms": took for stage, took in regressor.stage_ms.items()},
        }  # fmt: skip

    def _warning(self, pose: FloatArray, lacks_mask: bool) -> dict[str, str]:
        """What is not as it should be with a pose (4, 4) that is published all the same: the word
        and the line of the status, which the log has too; empty if nothing."""
        regressor = self._regressor
        assert regressor is not None, "active nodes have one"
        if (away := regressor.outside_m(pose)) > 0:
            reason = OUTSIDE_MAP
            line = expected("pose", "one among the map's views", f"{away:.1f} m beyond them")
        elif lacks_mask:
            wanted = f"that of the image, as {regressor.name} learned from masked ones"
            reason, line = NO_MASK, expected(MASK, wanted, "none")
        else:
            return {}
        self._faults.say(reason, line)
        return {"reason": reason, "detail": line}


def main() -> int:
    """The executable."""
    return run(PoseRegressorNode)


if __name__ == "__main__":
    sys.exit(main())
