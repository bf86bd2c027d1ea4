"""The node `ooi_matcher`: images in, the map's objects of interest in them out, match by match.

    ros2 run semloc_ros ooi_matcher --ros-args -p map:=MAP -p model:=NAME_OR_FILE \\
        -r image:=/camera/image_raw

`~/correspondences` is what the localizer takes for `correspondences`; there is one for each image,
without points where nothing is found.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from semloc_ros.config import OoiMatcherNodeConfig
from semloc_ros.errors import ConfigError, InputError, MapError, SemlocError, expected
from semloc_ros.localization.objects import lift
from semloc_ros.maps.object_files import load_objects
from semloc_ros.maps.objects import MapObjects
from semloc_ros.nodes import messages
from semloc_ros.nodes.image_node import BAD_MAP, BAD_MODEL, ImageNode
from semloc_ros.nodes.joined_images import JoinedImages
from semloc_ros.nodes.mask_input import MaskInput
from semloc_ros.nodes.newest import NEWEST, NO_EVENTS, ImageStore
from semloc_ros.nodes.object_messages import to_correspondences, to_markers
from semloc_ros.nodes.parameters import NodeParameters
from semloc_ros.nodes.running import run
from semloc_ros.nodes.status import quiet_publisher
from semloc_ros.perception.object_overlays import draw_finds
from semloc_ros.perception.objects import load_object_matcher
from semloc_ros.types import Camera, ObjectDetection


class Finder(Protocol):
    """What the node asks: `perception.objects.ObjectMatcher`."""

    name: str
    computed_by: str
    names: tuple[str, ...]
    unknown: tuple[str, ...]
    stage_ms: dict[str, float]

    def find(
        self, image: NDArray[np.uint8], mask: NDArray[np.uint8] | None = None,
        camera: Camera | None = None,
    ) -> list[ObjectDetection]: ...  # fmt: skip


class Opened(NamedTuple):
    """What configure reads: the map's objects, and what finds them."""

    objects: MapObjects
    finder: Finder


def load(config: OoiMatcherNodeConfig) -> Opened:
    """Of the configured map and model; SemlocError if they or the options do not do."""
    if not config.map:
        raise ConfigError(expected("map", "the folder of a map", "''"))
    objects = load_objects(Path(config.map).expanduser())
    return Opened(objects, load_object_matcher(config.model, objects, config.ooi))


class OoiMatcherNode(ImageNode):
    """See the top of the file; `load` opens map and model at configure."""

    def __init__(
        self, load: Callable[[OoiMatcherNodeConfig], Opened] = load, **node_options: Any
    ) -> None:
        super().__init__("ooi_matcher", **node_options)
        self._open = load
        self._opened: Opened | None = None
        self._masks: MaskInput | None = None
        self._camera_info: CameraInfo | None = None
        self._cameras: Any = None  # the subscription
        self._options = NodeParameters(
            self, OoiMatcherNodeConfig, lambda: self._opened is not None
        )
        self._correspondences = quiet_publisher(self, PointCloud2, "~/correspondences", 1)
        self._detections = quiet_publisher(self, MarkerArray, "~/detections", 1)
        self._overlay = quiet_publisher(self, Image, "~/overlay", 1)
        if self._options.config.autostart:
            self._autostart()

    def close(self) -> None:
        """Stop the thread; nothing is published afterwards."""
        super().close()
        masks, self._masks = self._masks, None
        if masks is not None:
            masks.close()
            self.destroy_subscription(self._cameras)

    def _load(self) -> None:
        self._opened = opened = self._open(self._options.config)
        finder, log = opened.finder, self.get_logger()
        log.info(f"{finder.name}: {len(finder.names)} objects, {finder.computed_by}")
        if finder.unknown:
            shown = ", ".join(finder.unknown[:5])
            log.warning(f"{finder.name}: not in the map and left out: {shown}")

    def _unload(self) -> None:
        self._opened = None

    def _reason_of(self, error: SemlocError) -> str:
        return BAD_MAP if isinstance(error, MapError) else BAD_MODEL

    def _transport(self) -> str:
        return self._options.config.image_transport

    def _image_store(self) -> ImageStore:
        images = JoinedImages("", 0.0)
        self._camera_info = None  # it may be another camera's by now
        wait_ms = self._options.config.mask_wait_ms
        self._masks = MaskInput(self, images, self._faults, wait_ms)
        self._cameras = self.create_subscription(
            CameraInfo, "camera_info", self._take_camera_info, NEWEST, event_callbacks=NO_EVENTS
        )
        return images

    def _take_camera_info(self, message: CameraInfo) -> None:
        self._camera_info = message

    def _camera(self, image: NDArray[np.uint8]) -> Camera | None:
        """That of the image, for its distortion; None where it is not known, which is said where
        there is a message."""
        info = self._camera_info
        if info is None or self._options.config.rectified:
            return None
        try:
            camera = messages.camera_from(info)
            messages.check_size(camera, image)
        except InputError as error:
            self._faults.say("camera_info", str(error))
            return None
        return camera

    def _work(self, image: NDArray[np.uint8], header: Header) -> Mapping[str, object]:
        opened, masks, frame = self._opened, self._masks, self._options.config.map_frame
        assert opened is not None and masks is not None, "active nodes have them"
        stamp = messages.stamp_ns(header.stamp)
        mask = masks.of(stamp, image)
        finds = opened.finder.find(image, mask, self._camera(image))
        matches = lift(finds, opened.objects, stamp)
        self._correspondences.publish(to_correspondences(matches, frame))
        self._show(image, finds, header)
        return {
            "model": opened.finder.name, "objects": ", ".join(one.name for one in finds),
            "finds": len(finds), "matches": sum(map(len, finds)), "mask": mask is not None,
            **{f"{stage}_ms": took for stage, took in opened.finder.stage_ms.items()},
        }  # fmt: skip

    def _show(
        self, image: NDArray[np.uint8], finds: Sequence[ObjectDetection], header: Header
    ) -> None:
        """For people, and only while somebody looks."""
        opened, frame = self._opened, self._options.config.map_frame
        assert opened is not None, "active nodes have it"
        if self._detections.get_subscription_count() > 0:
            stamp = messages.stamp_ns(header.stamp)
            self._detections.publish(to_markers(finds, opened.objects, frame, stamp))
        if self._overlay.get_subscription_count() > 0:
            drawn = draw_finds(image, finds, opened.objects)
            self._overlay.publish(messages.to_image(drawn, header))


def main() -> int:
    """The executable."""
    return run(OoiMatcherNode)


if __name__ == "__main__":
    sys.exit(main())
