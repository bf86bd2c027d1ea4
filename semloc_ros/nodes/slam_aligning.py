"""The side of slam_bridge that tells where the SLAM's frame lies: poses and fixes in; tf, the pose
of the base, and odometry in metres out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseWithCovarianceStamped
from nav_msgs.msg import Odometry as OdometryMessage
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Float64
from tf2_ros import TransformBroadcaster

from semloc_ros.config import SlamBridgeNodeConfig
from semloc_ros.errors import InputError
from semloc_ros.localization.serving import check_not_ahead
from semloc_ros.localization.slam_alignment import Alignment
from semloc_ros.localization.slam_following import SlamFollower
from semloc_ros.nodes import messages
from semloc_ros.nodes.faults import Faults
from semloc_ros.nodes.newest import NO_EVENTS
from semloc_ros.nodes.slam_messages import (
    SLAM_MESSAGES,
    fix_from,
    slam_pose_from,
    to_slam_odometry,
)
from semloc_ros.nodes.status import quiet_publisher
from semloc_ros.nodes.transforms import MapBroadcaster, TransformReader
from semloc_ros.types import FloatArray

OK, OLD_FIX, MISSING_TRANSFORM = "ok", "old_fix", "missing_transform"
METRIC = "_metric"  # added to slam_frame where the SLAM's unit is not the metre
_EVERY = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
_FIXES = 10


@dataclass(frozen=True, slots=True)
class AlignmentStanding:
    """Whether the SLAM's frame is known, and if not, why: a word and a line; `values` for the
    status."""

    is_aligned: bool
    reason: str
    detail: str
    values: dict[str, object]


class AlignmentSide:
    """Subscribed from construction until `close`; everything happens in the executor's thread."""

    def __init__(
        self, node: Node, config: Callable[[], SlamBridgeNodeConfig], faults: Faults
    ) -> None:
        self._node, self._config, self._faults = node, config, faults
        options = config()
        self._transforms = TransformReader(node)
        self._mount: FloatArray | None = None
        self._lacks = ""  # of tf
        self._follower = SlamFollower(options.alignment, options.seed)
        self._pose = quiet_publisher(node, PoseWithCovarianceStamped, "~/pose", 10)
        self._scale = quiet_publisher(node, Float64, "~/scale", 10)
        self._odometry = quiet_publisher(node, OdometryMessage, "~/odom", 50)
        self._map_broadcaster = MapBroadcaster(node, options.map_frame)
        self._odom_broadcaster = TransformBroadcaster(node)
        self._subscriptions = [
            node.create_subscription(
                SLAM_MESSAGES[options.slam_message], "slam", self._on_slam, _EVERY,
                event_callbacks=NO_EVENTS,
            ),
            node.create_subscription(
                PoseWithCovarianceStamped, "localizer/pose", self._on_fix, _FIXES
            ),
        ]  # fmt: skip

    def close(self) -> None:
        """Unsubscribe; nothing is published afterwards."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        for publisher in (self._pose, self._scale, self._odometry):
            self._node.destroy_publisher(publisher)
        self._node.destroy_publisher(self._odom_broadcaster.pub_tf)
        self._transforms.close()

    def restart(self) -> None:
        """Forget where the SLAM's frame lies; odometry goes on."""
        self._follower.restart()

    def forget(self) -> None:
        """Forget everything, as after a jump of the clock."""
        config = self._config()
        self._follower = SlamFollower(config.alignment, config.seed)
        self._mount = None
        self._transforms.clear()

    def broadcast(self) -> None:
        """Tell tf where the SLAM's frame lies, and the scale of that moment, if that is known."""
        config, now = self._config(), self._now_ns()
        found = self._known(now)
        if found is None:
            return
        self._scale.publish(Float64(data=float(found.map_from_slam.scale)))
        if not config.publish_tf:
            return
        stamp = now + round(config.transform_tolerance * 1e9)
        frame = config.slam_frame + ("" if config.alignment.known_scale else METRIC)
        self._map_broadcaster.send(found.map_from_slam.rigid, frame, stamp)

    def standing(self) -> AlignmentStanding:
        """What is known now."""
        follower, now = self._follower, self._now_ns()
        found, age = follower.aligner.alignment, self._fix_age_s(now)
        values = {
            "fix_age_s": age, "slam_age_s": _seconds(now, follower.stamp_ns),
            "fixes": follower.fixes, "fixes_without_slam": follower.missed,
            "slam_jumps": follower.jumps, "slam_frames": follower.frames,
        }  # fmt: skip
        if self._lacks:
            return AlignmentStanding(False, MISSING_TRANSFORM, self._lacks, values)
        if not isinstance(found, Alignment):
            return AlignmentStanding(False, found.reason.value, found.detail, values)
        values |= _values(found)
        if self._known(now) is None:
            allowed = f"{self._config().max_fix_age:g} s are allowed"
            return AlignmentStanding(False, OLD_FIX, f"{age:.1f} s, {allowed}", values)
        return AlignmentStanding(True, OK, "", values)

    def _known(self, now_ns: int) -> Alignment | None:
        """The alignment, while it is known and a fix not long ago."""
        found, age = self._follower.aligner.alignment, self._fix_age_s(now_ns)
        fresh = age is not None and age <= self._config().max_fix_age
        return found if isinstance(found, Alignment) and fresh else None

    def _fix_age_s(self, now_ns: int) -> float | None:
        return _seconds(now_ns, self._follower.last_fix_ns)

    def _on_slam(self, message: Any) -> None:
        try:
            stamp, pose = slam_pose_from(message, self._config())
            check_not_ahead("slam", stamp, self._now_ns())
        except InputError as error:
            self._faults.say("slam", str(error))
            return
        mount = self._base_from_body(stamp)
        if mount is None:
            return
        sample = self._follower.add_pose(stamp, pose, mount)
        if sample is not None:
            self._say_odometry(to_slam_odometry(sample, self._config()))
        self._say_pose()

    def _on_fix(self, message: PoseWithCovarianceStamped) -> None:
        try:
            stamp, pose, covariance = fix_from(message, self._config().map_frame)
            check_not_ahead("localizer/pose", stamp, self._now_ns())
        except InputError as error:
            self._faults.say("fix", str(error))
            return
        mount = self._base_from_body(stamp)
        if mount is not None:
            self._follower.add_fix(stamp, pose, covariance, mount)

    def _say_odometry(self, message: OdometryMessage) -> None:
        self._odometry.publish(message)
        if self._config().publish_odom_tf:
            pose = messages.pose_from("odom", message.pose.pose)
            stamp = messages.stamp_ns(message.header.stamp)
            frames = message.header.frame_id, message.child_frame_id
            self._odom_broadcaster.sendTransform(messages.to_transform(pose, *frames, stamp))

    def _say_pose(self) -> None:
        found = self._follower.pose()
        if found is None or self._known(self._now_ns()) is None:
            return
        stamp, pose, covariance = found
        self._pose.publish(
            messages.to_pose_with_covariance(
                pose, covariance, self._config().map_frame, stamp
            )
        )

    def _base_from_body(self, stamp_ns: int) -> FloatArray | None:
        """The mount (4, 4) by tf, at the stamp; while tf is not there yet, the last known."""
        config = self._config()
        if config.body_frame == config.base_frame:
            return np.eye(4)
        try:
            self._mount = self._transforms.lookup(
                config.base_frame, config.body_frame, stamp_ns, 0.0
            )
        except InputError as error:
            if self._mount is None:
                self._lacks = str(error)
                self._faults.say(MISSING_TRANSFORM, self._lacks)
                return None
        self._lacks = ""
        return self._mount

    def _now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)


def _seconds(now_ns: int, then_ns: int | None) -> float | None:
    return None if then_ns is None else (now_ns - then_ns) * 1e-9


def _values(found: Alignment) -> dict[str, object]:
    """Numbers of an alignment for the status."""
    spread = found.covariance
    turn = np.degrees(np.sqrt(np.linalg.eigvalsh(spread[3:6, 3:6])[-1]))
    return {
        "scale": float(found.map_from_slam.scale), "sigma_scale": float(np.sqrt(spread[6, 6])),
        "sigma_m": float(np.sqrt(np.trace(spread[:3, :3]))), "sigma_deg": float(turn),
        "inliers": found.inliers, "fixes_in_window": found.fixes, "apart_m": found.apart_m,
    }  # fmt: skip
