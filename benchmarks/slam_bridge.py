"""The node slam_bridge live: a made-up SLAM of recorded drives, and fixes, over DDS.

The same poses and fixes as in `slam_alignment.py`, but of the camera, sent to the node's process
with /clock; what it answers is compared with the truth. The errors of ~/odom are those of its
steps of 20 m, as a share of them. Latency is from a pose of the SLAM to the base's pose in the map.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import rclpy
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from nav_msgs.msg import Odometry
from rclpy.executors import SingleThreadedExecutor
from reporting import ROOT, arguments, progress, report
from rosgraph_msgs.msg import Clock
from slam_alignment import KINDS, METRIC, PERIOD_NS, Drive, Fixes, Told, fixes_of, read_drive
from tf2_ros import StaticTransformBroadcaster

from semloc_ros.geometry import se3
from semloc_ros.nodes import messages
from semloc_ros.types import FloatArray

COLUMNS = ("SLAM", "drive", "aligned", "median m", "p95 m", "max m", "> 1 m", "align s", "odom",
           "odom median", "odom p95", "latency ms", "p95 ms")
MOUNT = se3.from_quaternion_xyzw([1.5, 0.0, 1.6], [-0.5, 0.5, -0.5, 0.5])
FAULT_M, STEP_M = 1.0, 20.0
STARTUP_S, SETTLE_S = 30.0, 0.5


@dataclass
class Heard:
    """What the node said, by stamp: poses of the base in the map and in odometry, and how long
    (s) after the SLAM's pose of that stamp the former came."""

    poses: dict[int, FloatArray] = field(default_factory=dict)
    odometry: dict[int, FloatArray] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)


class Robot:
    """Says what a SLAM and a localizer would, and keeps what is answered."""

    def __init__(self) -> None:
        self.node = rclpy.create_node("robot")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        make = self.node.create_publisher
        self.clock = make(Clock, "/clock", 10)
        self.slam = make(PoseStamped, "slam", 50)
        self.fixes = make(PoseWithCovarianceStamped, "localizer/pose", 10)
        self.mount = StaticTransformBroadcaster(self.node)
        self.mount.sendTransform(messages.to_transform(MOUNT, "base_link", "eye", 0))
        self.heard, self.sent = Heard(), dict[int, float]()
        listen = self.node.create_subscription
        listen(PoseWithCovarianceStamped, "/slam_bridge/pose", self._on_pose, 50)
        listen(Odometry, "/slam_bridge/odom", self._on_odometry, 50)

    def _on_pose(self, message: PoseWithCovarianceStamped) -> None:
        stamp = messages.stamp_ns(message.header.stamp)
        self.heard.poses[stamp] = messages.pose_from("pose", message.pose.pose)
        self.heard.seconds.append(time.monotonic() - self.sent[stamp])

    def _on_odometry(self, message: Odometry) -> None:
        stamp = messages.stamp_ns(message.header.stamp)
        self.heard.odometry[stamp] = messages.pose_from("odom", message.pose.pose)

    def spin_until(self, at_s: float) -> None:
        """Hear until that moment of the steady clock."""
        while (left := at_s - time.monotonic()) > 0:
            self.executor.spin_once(timeout_sec=left)

    def wait(self) -> None:
        """Until the node listens."""
        end = time.monotonic() + STARTUP_S
        while not (self.slam.get_subscription_count() and self.fixes.get_subscription_count()):
            if time.monotonic() > end:
                raise SystemExit(f"slam_bridge: expected to listen within {STARTUP_S:g} s")
            self.executor.spin_once(timeout_sec=0.1)
        self.spin_until(time.monotonic() + SETTLE_S)

    def drive(self, drive: Drive, told: Told, fixes: Fixes, rate: float) -> Heard:
        """A drive, `rate` times as fast as it was."""
        begin, next_fix = time.monotonic(), 0
        for row, stamp in enumerate(map(int, drive.stamps)):
            self.spin_until(begin + row * PERIOD_NS * 1e-9 / rate)
            self.clock.publish(Clock(clock=messages.to_stamp(stamp)))
            if told.there[row]:
                message = PoseStamped(header=messages.header("slam_map", stamp))
                message.pose = messages.to_pose(told.slam[row])
                self.sent[stamp] = time.monotonic()
                self.slam.publish(message)
            while next_fix < len(fixes.stamps) and fixes.arrives[next_fix] <= stamp:
                self.fixes.publish(messages.to_pose_with_covariance(
                    fixes.map_from_base[next_fix], fixes.covariances[next_fix], "map",
                    int(fixes.stamps[next_fix]),
                ))
                next_fix += 1
        self.spin_until(time.monotonic() + SETTLE_S)
        return self.heard

    def close(self) -> None:
        """Leave."""
        self.executor.shutdown()
        self.node.destroy_node()


def main() -> None:
    """Every SLAM on every drive, one after the other."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--world", type=Path, default=ROOT / "out" / "street")
    parser.add_argument("--drives", nargs="+", default=["autumn"])
    parser.add_argument("--wrong", type=float, default=0.1)
    parser.add_argument("--rate", type=float, default=2.0, help="so many times as fast")
    parser.add_argument("--slam", nargs="+", choices=list(KINDS), default=list(KINDS))
    options = parser.parse_args()
    rclpy.init()
    rows = []
    with progress() as bar:
        for kind in bar.track(options.slam, description="SLAM"):
            for seed, name in enumerate(options.drives):
                drive = read_drive(options.world / name)
                told = KINDS[kind](camera_of(drive), np.random.default_rng(seed))
                fixes = fixes_of(drive, name, None, options.wrong, seed)
                heard = answered(drive, told, fixes, options.rate, kind in METRIC)
                rows.append((kind, name, *line(drive, told, heard)))
    rclpy.try_shutdown()
    report("slam_bridge, live", COLUMNS, rows, options.json, 150, rate=options.rate,
           wrong=f"{options.wrong:.0%}")


def camera_of(drive: Drive) -> Drive:
    """The same drive of the camera."""
    return replace(drive, truth=drive.truth @ MOUNT, wheels=drive.wheels @ MOUNT)


def answered(drive: Drive, told: Told, fixes: Fixes, rate: float, known: bool) -> Heard:
    """What the node's process says to a drive."""
    values = {"body_frame": "eye", "use_sim_time": "true", "masks": "false",
              "alignment.known_scale": str(known).lower()}
    words = [word for name, value in values.items() for word in ("-p", f"{name}:={value}")]
    command = [sys.executable, "-m", "semloc_ros.nodes.slam_bridge", "--ros-args", *words]
    robot = Robot()
    with running(command):
        robot.wait()
        heard = robot.drive(drive, told, fixes, rate)
    robot.close()
    return heard


@contextmanager
def running(command: list[str]) -> Iterator[None]:
    """A process while the block lasts."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def line(drive: Drive, told: Told, heard: Heard) -> tuple[str | float, ...]:
    """Numbers of one drive."""
    truth = {int(stamp): pose for stamp, pose in zip(drive.stamps, drive.truth, strict=True)}
    stamps = sorted(heard.poses)
    errors = np.array([
        float(se3.pose_error(heard.poses[stamp], truth[stamp])[0]) for stamp in stamps
    ] or [np.inf])  # fmt: skip
    first = (stamps[0] - int(drive.stamps[0])) * 1e-9 if stamps else np.inf
    poses = int(told.there.sum())
    steps = odometry_errors(heard.odometry, truth)
    return (f"{len(stamps) / poses:.1%}", *np.percentile(errors, [50, 95]).tolist(),
            float(errors.max()), f"{np.mean(errors > FAULT_M):.2%}", first,
            f"{len(heard.odometry) / poses:.1%}",
            *(f"{one:.1%}" for one in np.percentile(steps, [50, 95])),
            *(1e3 * np.percentile(heard.seconds or [np.inf], [50, 95])).tolist())


def odometry_errors(said: dict[int, FloatArray], truth: dict[int, FloatArray]) -> FloatArray:
    """Position errors of steps of STEP_M, as a share; a gap of odometry ends a step."""
    errors, start, way, last = [], None, 0.0, None
    for stamp in sorted(said):
        if last is None or stamp - last > 2 * PERIOD_NS:
            start, way = stamp, 0.0
        else:
            way += float(se3.pose_error(truth[last], truth[stamp])[0])
        last = stamp
        if way >= STEP_M and start is not None:
            moved, wanted = (se3.inverse(one[start]) @ one[stamp] for one in (said, truth))
            errors.append(float(se3.pose_error(moved, wanted)[0]) / way)
            start, way = stamp, 0.0
    return np.array(errors or [np.inf])


if __name__ == "__main__":
    main()
