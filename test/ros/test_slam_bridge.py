"""The node `slam_bridge` over DDS: a SLAM and a localizer in; tf, pose, odometry and images out."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from image_node_rig import ImageNodeRig
from lifecycle_msgs.msg import State as LifecycleState
from lifecycle_msgs.msg import Transition
from nav_msgs.msg import Odometry
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from slam_drive import slam_from_map
from std_msgs.msg import Float64
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage
from tf2_ros import StaticTransformBroadcaster

from semloc_ros.geometry import se3
from semloc_ros.nodes import messages
from semloc_ros.nodes.slam_bridge import SlamBridgeNode

MOUNT = se3.from_quaternion_xyzw([0.2, 0.0, 0.5], [-0.5, 0.5, -0.5, 0.5])
PERIOD_NS = 50_000_000
SIGMAS = np.repeat([0.02, 0.003], 3)
KINDS = {"pose": PoseStamped, "pose_with_covariance": PoseWithCovarianceStamped,
         "odometry": Odometry}  # fmt: skip
_names = itertools.count()


def map_from_base(seconds):
    """The made-up drive: 2 m/s on a circle of 20 m."""
    return se3.exp([2.0 * seconds, 0, 0, 0, 0, 0.1 * seconds])


class Rig(ImageNodeRig):
    """The bridge, a SLAM and a localizer. Their time runs as fast as poses are sent, ahead of the
    clock by nothing: the drive lies in the last minute."""

    def __init__(self, name, parameters):
        overrides = [Parameter(key, value=value) for key, value in parameters.items()]
        super().__init__(name, lambda name: SlamBridgeNode(
            parameter_overrides=overrides, cli_args=["--ros-args", "-r", f"__node:={name}"]
        ))  # fmt: skip
        make = self.robot.create_publisher
        self.kind = parameters.get("slam_message", "pose")
        self.slam_pub = make(KINDS[self.kind], "slam", 50)
        self.fix_pub = make(PoseWithCovarianceStamped, "localizer/pose", 10)
        self.poses = self.listen(PoseWithCovarianceStamped, f"/{name}/pose")
        self.odometry = self.listen(Odometry, f"/{name}/odom", 500)
        self.scales = self.listen(Float64, f"/{name}/scale")
        self.transforms = self.listen(TFMessage, "/tf")
        self.start_ns = time.time_ns() - 60_000_000_000
        self.row = 0
        self.slam_from_map = slam_from_map()
        self.generator = np.random.default_rng(0)

    def ready(self):
        mount = self.static = StaticTransformBroadcaster(self.robot)
        mount.sendTransform(messages.to_transform(MOUNT, "base_link", "eye", 0))
        publishers = (self.slam_pub, self.fix_pub)
        self.until(lambda: all(one.get_subscription_count() for one in publishers))
        self.until(lambda: self.robot.count_publishers(f"/{self.name}/odom") > 0)
        return self

    def stamp(self, row=None):
        return self.start_ns + (self.row if row is None else row) * PERIOD_NS

    def truth(self, stamp_ns=None):
        return map_from_base(((stamp_ns or self.stamp()) - self.start_ns) * 1e-9)

    def send_slam(self, pose=None, frame="slam_map"):
        """What the SLAM says of its next image."""
        if pose is None:
            pose = self.slam_from_map.poses((self.truth() @ MOUNT)[None])[0]
        message = KINDS[self.kind](header=messages.header(frame, self.stamp()))
        if self.kind == "pose":
            message.pose = messages.to_pose(pose)
        else:
            message.pose.pose = messages.to_pose(pose)
        if self.kind == "odometry":
            message.child_frame_id = "eye"
        self.slam_pub.publish(message)
        self.row += 1

    def send_fix(self, offset=None, row=None):
        """The localizer's answer to the last image but one."""
        stamp = self.stamp(self.row - 2 if row is None else row)
        error = self.generator.normal(size=6) * SIGMAS
        pose = (np.eye(4) if offset is None else offset) @ self.truth(stamp) @ se3.exp(error)
        self.fix_pub.publish(
            messages.to_pose_with_covariance(pose, np.diag(SIGMAS**2), "map", stamp)
        )

    def drive(self, poses=10, fixes=True):
        """Half a second of the SLAM, and a fix at its end; called until something is so."""
        for _ in range(poses):
            self.send_slam()
            time.sleep(0.002)
        if fixes:
            self.send_fix()

    def align(self):
        self.ready()
        self.until(lambda: self.says("ok"), every=self.drive)
        return self

    def error(self, message):
        """Metres from a published pose to the truth."""
        pose = messages.pose_from("pose", message.pose.pose)
        truth = self.truth(messages.stamp_ns(message.header.stamp))
        return float(se3.pose_error(pose, truth)[0])

    def newest_tf(self, child):
        found = [one for message in self.transforms for one in message.transforms
                 if one.child_frame_id == child]  # fmt: skip
        return found[-1] if found else None


@pytest.fixture
def start(ros):
    """`start(**parameters)`: a running bridge between a made-up SLAM and localizer."""
    rigs = []

    def begin(**parameters):
        given = {key.replace("__", "."): value for key, value in parameters.items()}
        rigs.append(Rig(f"bridge_{next(_names)}", {"body_frame": "eye", **given}))
        return rigs[-1]

    yield begin
    for rig in rigs:
        rig.close()


FRESH = {"max_fix_age": 3600.0}  # the drive is told faster than it happens


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_slam_of_unknown_unit_is_aligned(start, kind):
    rig = start(slam_message=kind, **FRESH).align()
    rig.poses.clear()
    rig.until(lambda: len(rig.poses) > 20, every=rig.drive)
    assert max(map(rig.error, rig.poses)) < 0.15
    assert rig.poses[-1].header.frame_id == "map"
    covariance = np.reshape(rig.poses[-1].pose.covariance, (6, 6))
    assert 0 < np.sqrt(covariance[0, 0]) < 0.3
    last = rig.last()
    assert (last["state"], last["reason"], last["slam_frames"]) == ("ALIGNED", "ok", "1")
    assert float(last["scale"]) == pytest.approx(5.0, rel=0.02)
    before = len(rig.transforms)
    rig.until(lambda: len(rig.transforms) > before + 5)
    found = rig.newest_tf("slam_map_metric")
    assert found.header.frame_id == "map" and rig.newest_tf("slam_map") is None
    assert rig.scales[-1].data == pytest.approx(5.0, rel=0.02)
    slam = rig.slam_from_map.poses((rig.truth() @ MOUNT)[None])[0]
    map_from_metric = messages.pose_from_transform(found.transform)
    there = se3.transform(map_from_metric, slam[:3, 3] * rig.scales[-1].data)
    assert np.linalg.norm(there - (rig.truth() @ MOUNT)[:3, 3]) < 0.3


def test_odometry_is_the_way_of_the_base_in_metres(start):
    rig = start(publish_odom_tf=True, **FRESH).align()
    rig.odometry.clear()
    rig.until(lambda: len(rig.odometry) > 60, every=rig.drive)
    first, last = rig.odometry[0], rig.odometry[-1]
    assert (last.header.frame_id, last.child_frame_id) == ("odom", "base_link")
    stamps = [messages.stamp_ns(one.header.stamp) for one in (first, last)]
    there, here = (messages.pose_from("odom", one.pose.pose) for one in (first, last))
    wanted = se3.inverse(rig.truth(stamps[0])) @ rig.truth(stamps[1])
    way, turn = se3.pose_error(se3.inverse(there) @ here, wanted)
    assert float(way) < 0.02 * np.linalg.norm(wanted[:3, 3]) + 0.02 and float(turn) < 0.01
    assert last.twist.twist.linear.x == pytest.approx(2.0, rel=0.05)
    assert last.twist.twist.angular.z == pytest.approx(0.1, abs=0.01)
    assert last.pose.covariance[0] > first.pose.covariance[0] > 0
    assert last.twist.covariance[0] > 0
    rig.until(lambda: rig.newest_tf("base_link"), every=rig.drive)
    assert rig.newest_tf("base_link").header.frame_id == "odom"


def test_without_fixes_the_reason_is_said_and_nothing_is_published(start):
    rig = start().ready()
    rig.until(lambda: rig.says("no_slam"))
    rig.until(lambda: rig.says("too_few_fixes"), every=lambda: rig.drive(fixes=False))
    rig.until(lambda: float(rig.last().get("slam_age_s") or 0) > 0)
    assert not rig.poses and not rig.odometry and not rig.scales
    assert rig.newest_tf("slam_map_metric") is None
    assert rig.last()["state"] == "UNALIGNED"


def test_an_old_fix_ends_pose_and_tf_and_a_new_one_begins_them(start):
    rig = start(max_fix_age=90.0).align()
    allowed = Parameter("max_fix_age", value=10.0)  # the drive began a minute ago
    assert rig.node.set_parameters([allowed])[0].successful
    rig.until(lambda: rig.says("old_fix"))
    assert "10 s are allowed" in rig.last()["detail"] and rig.last()["state"] == "UNALIGNED"
    for _ in range(3):  # what was published before
        rig.executors[1].spin_once(timeout_sec=0.1)
    rig.poses.clear(), rig.transforms.clear(), rig.odometry.clear()
    rig.until(lambda: len(rig.odometry) > 5, every=lambda: rig.drive(fixes=False))
    assert not rig.poses and rig.newest_tf("slam_map_metric") is None, "odometry goes on"
    assert rig.node.set_parameters([Parameter("max_fix_age", value=90.0)])[0].successful
    rig.until(lambda: rig.says("ok") and rig.poses, every=rig.drive)


def test_a_closure_costs_nothing_and_a_loss_begins_anew(start):
    rig = start(**FRESH).align()
    moved = se3.exp(np.array([0.1, 0.05, 0, 0, 0, 0.2]))
    rig.slam_from_map = replace(rig.slam_from_map, rigid=moved @ rig.slam_from_map.rigid)
    rig.until(lambda: int(rig.last()["slam_jumps"]) == 1, every=rig.drive)
    assert rig.last()["slam_frames"] == "1" and rig.says("ok")
    rig.poses.clear()
    rig.until(lambda: len(rig.poses) > 20, every=rig.drive)
    assert max(map(rig.error, rig.poses)) < 0.3
    rig.row += 40  # 2 s of nothing, then another frame and unit
    rig.slam_from_map = slam_from_map(0.7, seed=8)
    rig.until(lambda: rig.last()["slam_frames"] == "2", every=lambda: rig.drive(fixes=False))
    rig.until(lambda: not rig.says("ok"))
    rig.poses.clear()
    rig.until(lambda: rig.says("ok") and len(rig.poses) > 5, every=rig.drive)
    assert rig.error(rig.poses[-1]) < 0.3
    unit = pytest.approx(1 / 0.7, rel=0.03)
    rig.until(lambda: rig.scales[-1].data == unit, every=rig.drive)


def test_wrong_fixes_do_no_harm_and_reset_begins_anew(start):
    rig = start(**FRESH).align()
    rig.poses.clear()
    for _ in range(2):
        rig.drive(fixes=False)
        rig.send_fix(se3.exp([8.0, -5.0, 0, 0, 0, 1.0]))
    rig.until(lambda: len(rig.poses) > 15, every=lambda: rig.drive(fixes=False))
    assert max(map(rig.error, rig.poses)) < 0.3 and rig.says("ok")
    assert rig.call(Trigger, "reset", Trigger.Request()).success
    rig.until(lambda: not rig.says("ok"))
    rig.until(lambda: rig.says("ok"), every=rig.drive)


def test_a_slam_in_metres(start):
    rig = start(alignment__known_scale=True, **FRESH)
    rig.slam_from_map = slam_from_map(1.0)
    rig.ready()
    rig.until(lambda: rig.odometry, every=lambda: rig.drive(fixes=False))
    rig.until(lambda: rig.says("ok") and rig.newest_tf("slam_map"), every=rig.drive)
    assert float(rig.last()["scale"]) == 1.0 and rig.newest_tf("slam_map_metric") is None
    found = messages.pose_from_transform(rig.newest_tf("slam_map").transform)
    body = se3.inverse(rig.slam_from_map.rigid)
    assert float(se3.pose_error(found, body)[1]) < 0.05


BROKEN = {
    "slam.pose: ": {"pose": np.full((4, 4), np.nan)},
    "slam.header.frame_id: expected slam_map, got 'world'": {"frame": "world"},
}


def test_broken_poses_are_one_line_and_hold_up_nothing(start):
    rig, said = start(**FRESH).align(), []
    rig.node._faults.say = lambda reason, text: said.append(text)
    for line, broken in BROKEN.items():
        message = PoseStamped(header=messages.header(broken.get("frame", "slam_map"), rig.stamp()))
        message.pose.orientation.w = 1.0
        if "pose" in broken:
            message.pose.position.x = float("nan")
        rig.until(lambda: any(one.startswith(line) for one in said),  # noqa: B023
                  every=lambda: rig.slam_pub.publish(message))  # noqa: B023  # fmt: skip
    fix = messages.to_pose_with_covariance(np.eye(4), np.eye(6) * np.nan, "map", rig.stamp())
    line = "localizer/pose.covariance: expected finite numbers"
    rig.until(lambda: any(one.startswith(line) for one in said),
              every=lambda: rig.fix_pub.publish(fix))  # fmt: skip
    assert not any("\n" in one for one in said)
    rig.poses.clear()
    rig.until(lambda: len(rig.poses) > 5, every=rig.drive)
    assert rig.says("ok") and rig.last()["slam_frames"] == "1"


def test_a_mount_that_tf_does_not_know_is_said(start):
    rig = start(body_frame="nose").ready()
    rig.until(lambda: rig.says("missing_transform"), every=rig.drive)
    assert "nose" in rig.last()["detail"] and not rig.poses


def test_a_clock_that_jumps_back_begins_anew(start):
    rig = start(use_sim_time=True).ready()
    clock = rig.robot.create_publisher(Clock, "/clock", 10)

    def drive():
        clock.publish(Clock(clock=messages.to_stamp(rig.stamp(rig.row + 10))))
        time.sleep(0.02)
        rig.drive()

    rig.until(lambda: rig.says("ok"), every=drive)
    rig.start_ns, rig.row = rig.start_ns - 30_000_000_000, 0
    clock.publish(Clock(clock=messages.to_stamp(rig.stamp())))
    rig.until(lambda: rig.says("no_slam"))
    rig.poses.clear()
    rig.until(lambda: rig.says("ok") and rig.poses, every=drive)
    assert rig.error(rig.poses[-1]) < 0.3


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"body_frame": ""}, "body_frame: expected the frame of what the SLAM's poses are of"),
        (
            {"body_frame": "base_link"},
            "body_frame: expected the camera's frame while alignment.known_scale is false",
        ),
        ({"slam_frame": "map"}, "slam_frame: expected a name of its own, not map or odom"),
    ],
)
def test_frames_that_cannot_be_are_a_failed_transition(start, options, line):
    rig = start(**options)
    rig.until(lambda: rig.says("bad_config"))
    assert rig.last()["detail"].startswith(line)
    assert rig.state() == LifecycleState.PRIMARY_STATE_UNCONFIGURED
    rig.node.set_parameters([Parameter("align", value=False)])
    assert rig.change(Transition.TRANSITION_CONFIGURE), "what is not asked for is not checked"


def test_the_whole_lifecycle_twice(start):
    rig = start(autostart=False, **FRESH)
    rig.until(lambda: rig.says("unconfigured"))
    for _ in range(2):
        assert rig.change(Transition.TRANSITION_CONFIGURE)
        rig.until(lambda: rig.says("inactive"))
        assert rig.slam_pub.get_subscription_count() == 0
        assert not rig.call(Trigger, "reset", Trigger.Request()).success
        assert rig.change(Transition.TRANSITION_ACTIVATE)
        rig.align()
        assert rig.change(Transition.TRANSITION_DEACTIVATE)
        publishers = (rig.slam_pub, rig.fix_pub, rig.image_pub)
        rig.until(lambda: not any(one.get_subscription_count() for one in publishers))  # noqa: B023
        assert rig.change(Transition.TRANSITION_CLEANUP)
        rig.until(lambda: rig.says("unconfigured"))
    assert rig.change(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
