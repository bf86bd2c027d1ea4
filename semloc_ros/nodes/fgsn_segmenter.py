"""The node `fgsn_segmenter`: images in, label maps out, of clusters (FGSN) or of classes.

    ros2 run semloc_ros fgsn_segmenter --ros-args -p model:=NAME_OR_FILE -r image:=/camera/image_raw

`~/labels` is what the localizer takes for `labels`. Any model will do that
`perception.label_model` opens, also a network that is not from here.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from semloc_ros.config import FgsnSegmenterNodeConfig
from semloc_ros.nodes import messages
from semloc_ros.nodes.image_node import ImageNode
from semloc_ros.nodes.parameters import NodeParameters
from semloc_ros.nodes.running import run
from semloc_ros.nodes.status import quiet_publisher
from semloc_ros.perception.label_colors import colorize, palette
from semloc_ros.perception.label_model import Labeller, load_labeller


def load(config: FgsnSegmenterNodeConfig) -> Labeller:
    """The configured model; SemlocError if it or the options do not do."""
    return load_labeller(config.model, config.labeller)


class FgsnSegmenterNode(ImageNode):
    """See the top of the file; `load` opens the model at configure."""

    def __init__(
        self,
        load: Callable[[FgsnSegmenterNodeConfig], Labeller] = load,
        **node_options: Any,
    ) -> None:
        super().__init__("fgsn_segmenter", **node_options)
        self._open = load
        self._labeller: Labeller | None = None
        self._colors = np.zeros((0, 3), np.uint8)
        self._options = NodeParameters(
            self, FgsnSegmenterNodeConfig, lambda: self._labeller is not None
        )
        self._labels = quiet_publisher(self, Image, "~/labels", 1)
        self._label_colors = quiet_publisher(self, Image, "~/label_colors", 1)
        if self._options.config.autostart:
            self._autostart()

    def _load(self) -> None:
        self._labeller = labeller = self._open(self._options.config)
        self._colors = palette(labeller.about)
        self.get_logger().info(f"{labeller.name}: {labeller.count} labels, {labeller.computed_by}")

    def _unload(self) -> None:
        self._labeller = None

    def _transport(self) -> str:
        return self._options.config.image_transport

    def _work(self, image: NDArray[np.uint8], header: Header) -> Mapping[str, object]:
        labeller = self._labeller
        assert labeller is not None, "active nodes have one"
        began = time.monotonic()
        labels = labeller.label(image)
        took_ms = (time.monotonic() - began) * 1e3
        self._labels.publish(messages.to_image(labels, header))
        if self._label_colors.get_subscription_count() > 0:
            drawn = colorize(labels, self._colors)
            self._label_colors.publish(messages.to_image(drawn, header))
        return {"model": labeller.name, "labels": labeller.count, "network_ms": took_ms}


def main() -> int:
    """The executable."""
    return run(FgsnSegmenterNode)


if __name__ == "__main__":
    sys.exit(main())
