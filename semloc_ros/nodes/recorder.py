"""The node `recorder`: what a localizer publishes, to files that evaluation reads.

`predictions.jsonl` has one object per message, in the order of arrival:

    {"kind": "frame", "stamp_ns", "received_ns"}
    {"kind": "pose", "stamp_ns", "received_ns", "position", "quaternion_xyzw", "covariance"}
    {"kind": "status", "stamp_ns", "received_ns", "state", "reason", "values"}
    {"kind": "tf", "stamp_ns", "received_ns", "parent", "child", "position", "quaternion_xyzw"}

`stamp_ns` is that of the message (of a status, its frame's, or when it was said),
`received_ns` the steady clock at arrival. A frame is a camera_info, which goes with each image
and costs a thousandth of it. `poses.tum` has the poses as `stamp tx ty tz qx qy qz qw`.
With `topics` the bag `companions/` has their messages: masks, labels, places, objects.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseWithCovarianceStamped, TransformStamped
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo
from tf2_msgs.msg import TFMessage

from semloc_ros.config import RecorderNodeConfig
from semloc_ros.errors import ConfigError, InputError, expected
from semloc_ros.evaluation.predictions import COMPANIONS
from semloc_ros.nodes.message_bag import MessageBag, parse_topics
from semloc_ros.nodes.messages import stamp_ns
from semloc_ros.nodes.parameters import NodeParameters
from semloc_ros.nodes.running import run

_FLUSH_S = 0.5
_LATCHED = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class RecorderNode(Node):  # type: ignore[misc]
    """Records from construction until `close`; earlier files in the folder are replaced.

    Raises ConfigError without a folder, InputError if it cannot be written.
    """

    def __init__(self, **node_options: Any) -> None:
        super().__init__("recorder", **node_options)
        config = NodeParameters(self, RecorderNodeConfig).config
        if not config.out:
            raise ConfigError(expected("out", "a folder to record to", "''"))
        self._map_frame = config.map_frame
        kinds, folder = parse_topics(config.topics), Path(config.out).expanduser()
        self._lines, self._tum = _open(folder)
        self._bag = MessageBag(self, folder / COMPANIONS, kinds) if kinds else None
        name = config.localizer
        self.create_subscription(
            PoseWithCovarianceStamped, f"{name}/pose", self._record_pose, _LATCHED
        )
        self.create_subscription(DiagnosticStatus, f"{name}/status", self._record_status, _LATCHED)
        self.create_subscription(TFMessage, "/tf", self._record_tf, 100)
        self.create_subscription(
            CameraInfo, "camera_info", self._record_frame, qos_profile_sensor_data
        )
        self.create_timer(_FLUSH_S, self._flush, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def close(self) -> None:
        """Finish the files."""
        self._lines.close()
        self._tum.close()
        if self._bag is not None:
            self._bag.close()

    def _record_frame(self, message: CameraInfo) -> None:
        self._write("frame", stamp_ns(message.header.stamp))

    def _record_pose(self, message: PoseWithCovarianceStamped) -> None:
        pose, stamp = message.pose.pose, stamp_ns(message.header.stamp)
        self._write(
            "pose",
            stamp,
            position=_xyz(pose.position),
            quaternion_xyzw=_xyzw(pose.orientation),
            covariance=[float(v) for v in message.pose.covariance],
        )
        numbers = _xyz(pose.position) + _xyzw(pose.orientation)
        text = " ".join(f"{v:.9f}" for v in numbers)
        self._tum.write(f"{stamp // 10**9}.{stamp % 10**9:09d} {text}\n")

    def _record_status(self, message: DiagnosticStatus) -> None:
        values = {pair.key: pair.value for pair in message.values}
        stamp = int(values.pop("stamp", 0))
        state, reason = values.pop("state", ""), values.pop("reason", "")
        self._write("status", stamp, state=state, reason=reason, values=values)

    def _record_tf(self, message: TFMessage) -> None:
        for transform in message.transforms:
            if transform.header.frame_id.lstrip("/") == self._map_frame:
                self._record_transform(transform)

    def _record_transform(self, message: TransformStamped) -> None:
        self._write(
            "tf",
            stamp_ns(message.header.stamp),
            parent=message.header.frame_id,
            child=message.child_frame_id,
            position=_xyz(message.transform.translation),
            quaternion_xyzw=_xyzw(message.transform.rotation),
        )

    def _write(self, kind: str, stamp: int, **values: Any) -> None:
        line = {"kind": kind, "stamp_ns": stamp, "received_ns": time.monotonic_ns(), **values}
        self._lines.write(json.dumps(line) + "\n")

    def _flush(self) -> None:
        self._lines.flush()
        self._tum.flush()


def _open(folder: Path) -> tuple[Any, Any]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / "predictions.jsonl").open("w"), (folder / "poses.tum").open("w")
    except OSError as error:
        raise InputError(expected(str(folder), "a folder that can be written", error)) from None


def _xyz(vector: Any) -> list[float]:
    return [vector.x, vector.y, vector.z]


def _xyzw(quaternion: Any) -> list[float]:
    return [quaternion.x, quaternion.y, quaternion.z, quaternion.w]


def main() -> int:
    """The executable."""
    return run(RecorderNode)


if __name__ == "__main__":
    sys.exit(main())
