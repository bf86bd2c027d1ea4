"""The node `place_retriever`: images or their labels in, hypotheses of where they were taken out.

    ros2 run semloc_ros place_retriever --ros-args -p map:=MAP -p retriever.models:=NAME \\
        -r image:=/camera/image_raw -r labels:=/fgsn_segmenter/labels

`~/places` is what the localizer takes for `places`. An image that lacks what the models read has a
status and no places.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseArray
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from semloc_ros.config import PlaceRetrieverNodeConfig
from semloc_ros.errors import ConfigError, MapError, SemlocError, expected
from semloc_ros.nodes import messages
from semloc_ros.nodes.image_node import BAD_MAP, BAD_MODEL, ImageNode
from semloc_ros.nodes.newest import ImageStore
from semloc_ros.nodes.parameters import NodeParameters
from semloc_ros.nodes.place_inputs import PlaceInputs
from semloc_ros.nodes.place_messages import to_places
from semloc_ros.nodes.running import run
from semloc_ros.nodes.status import quiet_publisher
from semloc_ros.perception.place_finding import PlaceFinder
from semloc_ros.perception.place_retriever import PlaceRetriever
from semloc_ros.types import Places

# arrows of RViz point along x, cameras look along z
_CAMERA_FROM_ARROW = np.array([[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]], float)


def open_retriever(config: PlaceRetrieverNodeConfig) -> PlaceFinder:
    """The configured map and models; SemlocError if they or the options do not do."""
    if not config.map:
        raise ConfigError(expected("map", "the folder of a map", "''"))
    return PlaceRetriever.open(Path(config.map).expanduser(), config.retriever)


class PlaceRetrieverNode(ImageNode):
    """See the top of the file; `load` opens map and models at configure."""

    def __init__(
        self,
        load: Callable[[PlaceRetrieverNodeConfig], PlaceFinder] = open_retriever,
        **node_options: Any,
    ) -> None:
        super().__init__("place_retriever", **node_options)
        self._open = load
        self._retriever: PlaceFinder | None = None
        self._inputs: PlaceInputs | None = None
        self._options = NodeParameters(
            self, PlaceRetrieverNodeConfig, lambda: self._retriever is not None
        )
        self._places = quiet_publisher(self, PointCloud2, "~/places", 1)
        self._hypotheses = quiet_publisher(self, PoseArray, "~/hypotheses", 1)
        if self._options.config.autostart:
            self._autostart()

    def close(self) -> None:
        """Stop the thread; nothing is published afterwards."""
        super().close()
        inputs, self._inputs = self._inputs, None
        if inputs is not None:
            inputs.close()

    def _load(self) -> None:
        config = self._options.config
        self._retriever = self._open(config)
        self.get_logger().info(f"{config.map}: places by {config.retriever.models}")

    def _unload(self) -> None:
        self._retriever = None

    def _reason_of(self, error: SemlocError) -> str:
        return BAD_MAP if isinstance(error, MapError) else BAD_MODEL

    def _transport(self) -> str:
        return self._options.config.image_transport

    def _image_store(self) -> ImageStore:
        assert self._retriever is not None, "active nodes have one"
        needs = self._retriever.needs
        self._inputs = PlaceInputs(self, self._options.config, self._faults, needs)
        return self._inputs.images

    def _work(self, image: NDArray[np.uint8], header: Header) -> Mapping[str, object]:
        retriever, inputs = self._retriever, self._inputs
        assert retriever is not None and inputs is not None, "active nodes have them"
        stamp = messages.stamp_ns(header.stamp)
        labels, mask = inputs.labels(stamp, image), inputs.mask(stamp, image)
        odometry = inputs.odom_from_camera(header)
        places = retriever.retrieve(stamp, image, labels, mask, odometry)
        self._publish(places)
        given = {"labels": labels, "mask": mask, "odometry": odometry}
        return {
            "models": self._options.config.retriever.models, "places": len(places),
            **_best(places), **{name: value is not None for name, value in given.items()},
            **{f"{stage}_ms": took for stage, took in retriever.stage_ms.items()},
        }  # fmt: skip

    def _publish(self, places: Places) -> None:
        frame = self._options.config.map_frame
        self._places.publish(to_places(places, frame))
        if self._hypotheses.get_subscription_count() > 0:
            arrows = places.map_from_camera @ _CAMERA_FROM_ARROW
            self._hypotheses.publish(messages.to_pose_array(arrows, frame, places.stamp_ns))


def _best(places: Places) -> dict[str, object]:
    if not len(places):
        return {}
    return {"best_score": float(places.scores[0]), "best_view": int(places.views[0])}


def main() -> int:
    """The executable."""
    return run(PlaceRetrieverNode)


if __name__ == "__main__":
    sys.exit(main())
