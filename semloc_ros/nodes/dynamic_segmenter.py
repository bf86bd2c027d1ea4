"""The node `dynamic_segmenter`: images in, masks of what moves or can move out.

    ros2 run semloc_ros dynamic_segmenter --ros-args -p model:=NAME_OR_FILE \\
        -r image:=/camera/image_raw

`~/mask` is what the localizer takes for `mask`: every image has one, some milliseconds after it.
The network is slower than that and works on the newest image in a process of its own, of low
priority; what it found last is carried on to each image (see `perception.mask_propagation`).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from semloc_ros.config import DynamicSegmenterNodeConfig
from semloc_ros.errors import SemlocError, expected
from semloc_ros.nodes import messages
from semloc_ros.nodes.image_node import ImageNode, Refused
from semloc_ros.nodes.loop import Loop
from semloc_ros.nodes.parameters import NodeParameters
from semloc_ros.nodes.running import run
from semloc_ros.nodes.status import quiet_publisher
from semloc_ros.perception.dynamic_masks import DynamicSegmenter
from semloc_ros.perception.mask_propagation import Carried, MaskPropagation
from semloc_ros.perception.mask_shapes import finished, left_out
from semloc_ros.perception.masked_images import without_dynamic
from semloc_ros.perception.segmenter_process import SegmenterProcess

NO_MASK, OLD_MASK = "no_mask", "old_mask"
_POLL_S = 0.2


def load(config: DynamicSegmenterNodeConfig) -> DynamicSegmenter:
    """The configured model; SemlocError if it or the options do not do. Unless `threads` are given
    a core is left to those that wait for masks: threads of a network that wait for each other on a
    core that is taken away from them make it slower by tens of times."""
    threads = config.dynamic.threads or max(len(os.sched_getaffinity(0)) - 1, 1)
    options = replace(config.dynamic, threads=threads)
    return SegmenterProcess(config.model, options, config.network_nice)


class DynamicSegmenterNode(ImageNode):
    """See the top of the file; `load` opens the model at configure."""

    def __init__(
        self,
        load: Callable[[DynamicSegmenterNodeConfig], DynamicSegmenter] = load,
        **node_options: Any,
    ) -> None:
        super().__init__("dynamic_segmenter", **node_options)
        self._open = load
        self._segmenter: DynamicSegmenter | None = None
        self._propagation: MaskPropagation | None = None
        self._network: Loop | None = None
        self._network_ms: float | None = None
        self._network_fault = ""
        self._objects_left_out = 0
        self._options = NodeParameters(
            self, DynamicSegmenterNodeConfig, lambda: self._segmenter is not None
        )
        self._mask = quiet_publisher(self, Image, "~/mask", 1)
        self._masked_image = quiet_publisher(self, Image, "~/masked_image", 1)
        self._instances = quiet_publisher(self, Image, "~/instances", 1)
        if self._options.config.autostart:
            self._autostart()

    def close(self) -> None:
        """Stop the threads; nothing is published afterwards."""
        super().close()
        network, self._network = self._network, None
        if network is not None:
            network.stop()

    def _load(self) -> None:
        self._segmenter = opened = self._open(self._options.config)
        classes = ", ".join(opened.classes)
        self.get_logger().info(f"{opened.name}: {classes} are dynamic, {opened.computed_by}")

    def _unload(self) -> None:
        segmenter, self._segmenter = self._segmenter, None
        if isinstance(segmenter, SegmenterProcess):
            segmenter.close()

    def _transport(self) -> str:
        return self._options.config.image_transport

    def _begin(self) -> None:
        self._propagation = MaskPropagation(self._options.config.propagation)
        self._network_ms, self._network_fault, self._objects_left_out = None, "", 0
        self._network = Loop(self, partial(self._network_turn, self._propagation))
        super()._begin()
        self._network.start()

    def _network_turn(self, propagation: MaskPropagation) -> None:
        """The slow thread, which waits for the network: what is dynamic in the newest image."""
        segmenter, config = self._segmenter, self._options.config
        seen = propagation.take(_POLL_S)
        if seen is None or segmenter is None:
            return
        began = time.monotonic()
        try:
            found = segmenter.segment(seen.image)
            used = finished(found, config.dynamic)
        except SemlocError as error:
            self._network_fault = str(error)
            return
        self._network_ms, self._network_fault = (time.monotonic() - began) * 1e3, ""
        self._objects_left_out = left_out(found, used)
        propagation.give(seen, used.numbers)

    def _work(self, image: NDArray[np.uint8], header: Header) -> Mapping[str, object]:
        """The quick thread: the mask of each image."""
        segmenter, propagation = self._segmenter, self._propagation
        assert segmenter is not None and propagation is not None, "active nodes have them"
        propagation.add(image, messages.stamp_ns(header.stamp))
        carried = self._young(propagation.carried())
        mask = np.asarray(cv2.compare(carried.numbers, 0, cv2.CMP_GT), np.uint8)
        self._publish(image, mask, carried.numbers, header)
        return {
            "model": segmenter.name, "age_s": carried.age_s,
            "masked_fraction": cv2.countNonZero(mask) / mask.size,
            "objects_left_out": self._objects_left_out,
            "network_ms": self._network_ms, "network_fault": self._network_fault,
        }  # fmt: skip

    def _young(self, carried: Carried | None) -> Carried:
        """A mask that is worth to be published; Refused, with the reason, if there is none."""
        most = self._options.config.propagation.max_age
        if carried is None:
            wanted, got = "one of the network", self._network_fault or "none yet"
            raise Refused(NO_MASK, expected("mask", wanted, got), DiagnosticStatus.WARN)
        if carried.age_s > most:
            got = self._network_fault or f"{carried.age_s:.2f} s"
            raise Refused(OLD_MASK, expected("mask", f"one of at most {most:g} s", got))
        return carried

    def _publish(
        self,
        image: NDArray[np.uint8],
        mask: NDArray[np.uint8],
        numbers: NDArray[np.uint16],
        header: Header,
    ) -> None:
        self._mask.publish(messages.to_image(mask, header))
        if self._instances.get_subscription_count() > 0:
            message = messages.to_image(numbers, header)
            message.encoding = "16UC1"
            self._instances.publish(message)
        if self._masked_image.get_subscription_count() > 0:
            self._masked_image.publish(messages.to_image(without_dynamic(image, mask), header))


def main() -> int:
    """The executable. Threads of OpenCV that wait for each other are late where cores are short."""
    cv2.setNumThreads(1)
    return run(DynamicSegmenterNode)


if __name__ == "__main__":
    sys.exit(main())
