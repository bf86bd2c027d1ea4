"""What is published between and beside the fixes: odometry in the map, particles, smooth tf; and
labels that take over where features fail."""

import threading

import numpy as np
from geometry_msgs.msg import PoseArray
from nav_msgs.msg import Odometry

from semloc_ros.geometry import se3
from semloc_ros.localization.label_tracking import Tracked
from semloc_ros.localization.particles import equal
from semloc_ros.localization.session import Session
from semloc_ros.nodes import localizer, messages


def drive(robot, milliseconds=20):
    """One sample of odometry that is newer than the last frame."""
    robot.send_odom(robot.now_ns() + milliseconds * 1_000_000)


def test_the_pose_is_told_at_the_rate_of_odometry(make_rig, map_from_base, map_from_odom):
    robot = make_rig(tracking__lost_after=60.0).track().robot
    told = robot.listen(Odometry, "odometry")
    robot.until(lambda: told, every=lambda: drive(robot))
    told.clear()
    robot.spin(0.2)
    stamps = [robot.now_ns() + step * 20_000_000 for step in range(10)]
    for stamp in stamps:
        message = Odometry(header=messages.header("odom", stamp), child_frame_id="base_link")
        message.twist.twist.linear.x = 0.7
        pose = se3.inverse(map_from_odom) @ map_from_base(stamp)
        message.pose.pose = messages.to_pose(pose)
        robot.odom_pub.publish(message)
        robot.spin(0.02)
    robot.until(lambda: told and messages.stamp_ns(told[-1].header.stamp) == stamps[-1])
    assert len(told) >= 8, "one for each, but for what best effort loses"
    last = told[-1]
    assert (last.header.frame_id, last.child_frame_id) == ("map", "base_link")
    pose = messages.pose_from("pose", last.pose.pose)
    np.testing.assert_allclose(pose, map_from_base(stamps[-1]), atol=1e-6)
    assert last.twist.twist.linear.x == 0.7
    spread = np.sqrt(np.reshape(last.pose.covariance, (6, 6))[0, 0])
    assert 0.01 < spread < 0.2


def test_a_pose_that_is_not_known_is_not_told(make_rig):
    rig = make_rig(tracking__lost_after=0.3, tracking__degraded_after=0.2).track()
    robot = rig.robot
    told = robot.listen(Odometry, "odometry")
    robot.until(lambda: robot.is_in("LOST"))
    told.clear()
    for _ in range(10):
        drive(robot)
        robot.spin(0.03)
    assert not told


class Labels:
    """A `LabelTracker` that knows where the robot is: 0.2 m beside where it was started."""

    def __init__(self):
        self.is_running, self.pose, self.odom = False, None, None

    def stop(self):
        self.is_running = False

    def start(self, stamp_ns, odometry, fixes):
        self.is_running = True
        beside = se3.exp([0.2, 0, 0, 0, 0, 0])
        self.pose, self.odom = beside @ fixes[0].map_from_base, odometry.odom_from_base

    def update(self, frame, base_from_camera, odometry, fix, rivals, places):
        pose = self.pose @ se3.inverse(self.odom) @ odometry.odom_from_base
        spread = np.random.default_rng(0).normal(size=(3000, 6)) * 0.01
        particles = equal(se3.exp(spread) @ pose)
        return Tracked(
            pose, np.diag([1e-4] * 6), 1.0, 0.9, (pose,), particles, 9, True, False
        )


def test_labels_take_over_and_the_method_can_be_changed(make_rig, monkeypatch):
    def make_session(_, config):
        return Session(config.tracking, config.motion, True, config.method, Labels())

    monkeypatch.setattr(localizer, "make_session", make_session)
    rig = make_rig(tracking__lost_after=60.0).track()
    robot = rig.robot
    clouds = robot.listen(PoseArray, "particles")
    rig.fake.answer = rig.fake.nothing

    def frame():
        stamp = robot.now_ns()
        map_of_labels = messages.to_image(
            np.zeros((48, 64), np.uint8), messages.header("camera", stamp)
        )
        robot.labels_pub.publish(map_of_labels)
        robot.send_frame(stamp)

    robot.until(
        lambda: robot.is_in("TRACKING", "labels") and robot.last().get("particles") == "3000",
        every=frame,
    )
    robot.until(lambda: clouds)
    assert len(clouds[-1].poses) == 1000
    assert clouds[-1].header.frame_id == "map"

    def jumps():
        values = [pair for one in robot.statuses for pair in one.values if pair.key == "jump_m"]
        return [float(pair.value) for pair in values if pair.value]

    # the node's timer may have told the state before the status of the frame came
    robot.until(lambda: any(0.15 < way < 0.25 for way in jumps()))
    assert robot.set_parameter("method", "pnp").successful
    robot.until(lambda: robot.last().get("reason") == "too_few_matches", every=frame)
    assert robot.set_parameter("method", "pfsl").successful
    robot.until(lambda: robot.is_in("TRACKING", "labels"), every=frame)
    assert not robot.set_parameter("method", "pnpp").successful


def test_a_jump_is_smoothed_in_tf_alone(make_rig, map_from_odom, map_from_base):
    rig = make_rig(tf_smoothing=1.0).track()
    robot = rig.robot
    beside = se3.exp([0.3, 0, 0, 0, 0, 0])
    rig.fake.answer = lambda frame, prior: rig.fake.right(frame, prior, beside)
    robot.spin(0.3)  # a frame of before may be in work
    robot.transforms.clear()
    stamp = robot.send_frame()

    def shown():
        moved = [
            messages.pose_from_transform(one.transform) @ se3.inverse(map_from_odom)
            for _, one in robot.transforms if one.header.frame_id == "map"
        ]  # fmt: skip
        return [float(one[0, 3]) for one in moved]

    robot.until(lambda: shown() and shown()[-1] > 0.25)
    assert len([way for way in shown() if 0.02 < way < 0.2]) > 3, "on the way, not at once"
    fix = next(one for one in robot.poses if messages.stamp_ns(one.header.stamp) == stamp)
    pose = messages.pose_from("pose", fix.pose.pose)
    np.testing.assert_allclose(pose, beside @ map_from_base(stamp), atol=1e-6)
    far = se3.exp([2.0, 0, 0, 0, 0, 0])
    rig.fake.answer = lambda frame, prior: rig.fake.right(frame, prior, far)
    robot.transforms.clear()
    robot.send_frame()
    robot.until(lambda: shown() and shown()[-1] > 1.99)
    assert not [way for way in shown() if 0.5 < way < 1.9], "a large jump is not hidden"


def hold(fake):
    """From now on frames stay in work until the function that is returned is called."""
    released = threading.Event()

    def answer(frame, prior):
        assert released.wait(60.0), "nobody released the frame"
        return fake.right(frame, prior)

    fake.answer = answer
    return released.set


def test_an_initial_pose_wins_over_the_frame_in_work(make_rig, map_from_base):
    rig = make_rig().track()
    robot = rig.robot
    robot.until(lambda: robot.initial_pub.get_subscription_count() > 0)
    elsewhere = se3.exp([50.0, 0, 0, 0, 0, 0])
    release = hold(rig.fake)
    calls = len(rig.fake.calls)
    robot.until(lambda: len(rig.fake.calls) > calls, every=robot.send_frame)
    slow = rig.fake.calls[calls][0].stamp_ns
    pose = elsewhere @ map_from_base(slow)
    robot.initial_pub.publish(
        messages.to_pose_with_covariance(pose, np.zeros((6, 6)), "map", slow)
    )
    robot.until(lambda: robot.is_in("BOOTSTRAPPING", "initial_pose"))
    said = len(robot.statuses)
    assert len(rig.fake.calls) == calls + 1, "the slow frame is still in work"
    release_next = hold(rig.fake)
    release()
    robot.until(lambda: len(rig.fake.calls) > calls + 1, every=robot.send_frame)
    robot.spin(0.5)  # the slow frame is done, and what it said has come
    assert not robot.was_in("TRACKING", said)
    assert slow not in [messages.stamp_ns(one.header.stamp) for one in robot.poses]
    release_next()
    frame, prior = rig.fake.calls[calls + 1]
    truth = rig.fake.right(type("F", (), {"stamp_ns": slow}), None, elsewhere)
    apart = [se3.inverse(one.camera_from_map)[:3, 3] for one in (prior, truth)]
    np.testing.assert_allclose(*apart, atol=1e-6)
    assert frame.stamp_ns > slow
