"""Bad input to the localizer node: one clear line, a reason in the status, and it lives on."""

import itertools
import re

import numpy as np
import pytest
from lifecycle_msgs.msg import State as LifecycleState
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from nav_msgs.msg import Odometry
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock

from semloc_ros.errors import MapError
from semloc_ros.nodes import faults, messages


@pytest.fixture
def said(monkeypatch):
    """Every warning line, before throttling counts: (reason, text)."""
    lines = []
    real = faults.Faults.say

    def say(self, reason, text):
        lines.append((reason, text))
        real(self, reason, text)

    monkeypatch.setattr(faults.Faults, "say", say)
    return lines


def change(robot, transition):
    request = ChangeState.Request(transition=Transition(id=transition))
    return robot.call(ChangeState, "change_state", request).success


def lifecycle(robot):
    return robot.call(GetState, "get_state", GetState.Request()).current_state.id


def test_a_bad_map_is_a_failed_transition_and_the_node_lives(make_rig):
    maps = {}

    def load(config):
        if config.map not in maps:
            raise MapError(f"{config.map}: expected a map folder, got no such folder")
        return maps[config.map]

    rig = make_rig(load=load, map="/nowhere")
    maps["/somewhere"] = rig.fake
    robot = rig.robot
    robot.until(lambda: robot.is_in("UNINITIALIZED", "bad_map"))
    assert robot.last()["detail"] == "/nowhere: expected a map folder, got no such folder"
    assert lifecycle(robot) == LifecycleState.PRIMARY_STATE_UNCONFIGURED
    assert not change(robot, Transition.TRANSITION_CONFIGURE)
    answer = robot.trigger("global_localization")
    assert not answer.success and answer.message == "the localizer is not active"
    assert not robot.pause(True).success
    # mended while running: unconfigured, so the map may be changed
    assert rig.node.set_parameters([Parameter("map", value="/somewhere")])[0].successful
    assert change(robot, Transition.TRANSITION_CONFIGURE)
    assert change(robot, Transition.TRANSITION_ACTIVATE)
    rig.ready()
    robot.until(lambda: robot.is_in("TRACKING"), every=robot.send_frame)


def test_the_whole_lifecycle_twice(make_rig):
    rig = make_rig(autostart=False)
    robot = rig.robot
    robot.until(lambda: robot.is_in("UNINITIALIZED", "unconfigured"))
    for _ in range(2):
        assert change(robot, Transition.TRANSITION_CONFIGURE)
        robot.until(lambda: robot.is_in("UNINITIALIZED", "inactive"))
        assert robot.image_pub.get_subscription_count() == 0
        assert change(robot, Transition.TRANSITION_ACTIVATE)
        rig.track()
        assert change(robot, Transition.TRANSITION_DEACTIVATE)
        robot.until(lambda: robot.is_in("UNINITIALIZED", "inactive"))
        robot.until(lambda: robot.image_pub.get_subscription_count() == 0)
        assert change(robot, Transition.TRANSITION_CLEANUP)
        robot.until(lambda: robot.is_in("UNINITIALIZED", "unconfigured"))
    assert change(robot, Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)


def late_poses(rig, seconds=0.7):
    """What a subscriber gets that comes only now."""
    late = type(rig.robot)(rig.robot.name)
    try:
        late.until(lambda: late.statuses)
        late.spin(seconds)
        return late.poses
    finally:
        late.close()


def test_the_latched_pose_ends_with_the_activation(make_rig):
    rig = make_rig().track()
    assert late_poses(rig)
    assert change(rig.robot, Transition.TRANSITION_DEACTIVATE)
    assert not late_poses(rig)
    assert change(rig.robot, Transition.TRANSITION_ACTIVATE)
    assert not late_poses(rig)
    rig.track()
    assert late_poses(rig)


def test_the_latched_pose_ends_when_time_jumps_back(make_rig):
    rig = make_rig().track()
    robot = rig.robot
    assert late_poses(rig)
    past = robot.now_ns() - 100_000_000_000
    robot.send_image(past)
    robot.until(lambda: robot.is_in("BOOTSTRAPPING", "clock_jump"))
    assert not late_poses(rig)


BAD_IMAGES = {
    "16 bits": dict(pixels=np.full((48, 64), 9, np.uint16), encoding="mono16"),
    "empty": dict(pixels=np.zeros((0, 0), np.uint8)),
    "torn": dict(pixels=np.zeros((48, 64), np.uint8), encoding="rgb8"),
    "unknown": dict(pixels=np.zeros((48, 64), np.uint8), encoding="yuv9000"),
}


def test_bad_images_are_refused_and_good_ones_work_again(make_rig, said):
    rig = make_rig().track()
    robot = rig.robot
    for name, image in BAD_IMAGES.items():
        said.clear()
        bad = []
        robot.until(
            lambda: robot.last()["reason"] == "bad_image",
            every=lambda image=image, bad=bad: bad.append(robot.send_frame(**image)),
        )
        assert not set(bad) & {frame.stamp_ns for frame, _ in rig.fake.calls}, name
        assert said[0][1].startswith("image") and "expected" in said[0][1], said
        assert robot.last()["detail"] == said[-1][1]
        robot.until(lambda: robot.is_in("TRACKING", "ok"), every=robot.send_frame)


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (dict(focal=0.0), "camera_info.k: expected focal lengths > 0"),
        (dict(focal=float("nan")), "camera_info.k: expected focal lengths > 0"),
        (dict(width=640, height=480), "camera_info: expected 64x48, the size of the image"),
        (dict(distortion_model="magic", d=[0.1]), "camera_info.distortion_model: expected"),
    ],
)
def test_bad_camera_info_gives_no_pose(make_rig, said, info, words):
    rig = make_rig().ready()
    robot = rig.robot

    def frame():
        robot.send_info(**info)
        robot.send_image(robot.now_ns())

    robot.until(lambda: robot.is_in("BOOTSTRAPPING", "bad_camera_info"), every=frame)
    assert words in robot.last()["detail"]
    assert any(text.startswith(words) for _, text in said)
    assert not robot.poses and not rig.fake.calls


def test_no_camera_info_is_said(make_rig):
    robot = make_rig().ready().robot
    robot.until(
        lambda: robot.is_in("BOOTSTRAPPING", "no_camera_info"),
        every=lambda: robot.send_image(robot.now_ns()),
    )


def test_nan_odometry_is_refused_and_the_node_lives(make_rig, said):
    rig = make_rig().track()
    robot = rig.robot

    def frame():
        message = Odometry(
            header=messages.header("odom", robot.now_ns()), child_frame_id="base_link"
        )
        message.pose.pose.position.x = float("nan")
        robot.odom_pub.publish(message)

    robot.until(lambda: [text for reason, text in said if reason == "odom"], every=frame)
    assert "finite" in next(text for reason, text in said if reason == "odom")
    robot.until(lambda: robot.is_in("TRACKING", "ok"), every=robot.send_frame)


def seconds_ahead(name, text):
    """What the complaint about a stamp in the future says; less than it was when it was sent."""
    words = rf"{name}\.header\.stamp: expected no future time, got (\d+\.\d) s ahead"
    return float(re.fullmatch(words, text)[1])


def test_odometry_from_the_future_is_refused_and_an_earlier_restart_taken(make_rig, said):
    rig = make_rig(odometry_wait_ms=10.0).track()
    robot = rig.robot
    robot.until(
        lambda: [text for reason, text in said if reason == "odom"],
        every=lambda: robot.send_odom(robot.now_ns() + 3_000_000_000_000),
    )
    for text in [text for reason, text in said if reason == "odom"]:
        assert seconds_ahead("odom", text) == pytest.approx(3000.0, abs=20.0)

    def frame():
        robot.send_odom(robot.now_ns() + 900_000_000)  # within the tolerance, yet wrong
        robot.send_frame()

    robot.until(lambda: robot.is_in("DEGRADED", "no_odometry"), every=frame)
    robot.until(lambda: robot.is_in("TRACKING", "ok"), every=robot.send_frame)


def test_frames_without_odometry_are_degraded(make_rig):
    robot = make_rig(odometry_wait_ms=10.0).track().robot
    robot.until(
        lambda: robot.is_in("DEGRADED", "no_odometry"),
        every=lambda: robot.send_frame(odom=False),
    )


def test_missing_tf_names_the_frames_and_is_waited_for(make_rig, said):
    rig = make_rig(mount=False, odometry_wait_ms=10.0).ready()
    robot = rig.robot
    robot.until(
        lambda: robot.is_in("BOOTSTRAPPING", "missing_transform"), every=robot.send_frame
    )
    line = next(text for reason, text in said if reason == "missing_transform")
    assert line.startswith("tf from camera to base_link: ")
    assert not robot.poses and not robot.transforms and not rig.fake.calls
    robot.mount_camera()
    robot.until(lambda: robot.is_in("TRACKING", "ok"), every=robot.send_frame)


def test_image_stamps_that_jump_back_start_anew(make_rig):
    rig = make_rig().track()
    robot = rig.robot
    past = robot.now_ns() - 100_000_000_000
    rig.fake.answer = rig.fake.nothing
    robot.until(
        lambda: "clock_jump" in [v.value for s in robot.statuses for v in s.values],
        every=lambda: robot.send_frame(past),
    )
    rig.fake.answer, since = rig.fake.right, len(robot.statuses)
    drive = itertools.count(past, 150_000_000)
    # By the node's clock the fix is 100 s old at once, so its timer soon says something else.
    robot.until(
        lambda: robot.was_in("TRACKING", since), every=lambda: robot.send_frame(next(drive))
    )
    assert rig.fake.calls[-1][0].stamp_ns < past + 90_000_000_000


def test_a_simulated_clock_that_jumps_back_starts_anew(make_rig):
    rig = make_rig(use_sim_time=True)
    robot = rig.robot
    clock = robot.node.create_publisher(Clock, "/clock", 10)
    now = [robot.now_ns()]

    def step():
        now[0] += 100_000_000
        clock.publish(Clock(clock=messages.to_stamp(now[0])))
        robot.send_frame(now[0] - 30_000_000)

    rig.ready()
    robot.until(lambda: robot.is_in("TRACKING", "ok"), every=step)
    robot.until(lambda: [one for _, one in robot.transforms if one.header.frame_id == "map"])
    ahead = messages.stamp_ns(robot.transforms[-1][1].header.stamp) - now[0]
    assert abs(ahead) < 0.3e9, "tf is stamped by /clock"
    now[0] -= 50_000_000_000
    robot.statuses.clear()
    clock.publish(Clock(clock=messages.to_stamp(now[0])))
    robot.until(lambda: "clock_jump" in [v.value for s in robot.statuses for v in s.values])
    robot.until(lambda: robot.is_in("TRACKING", "ok"), every=step)


def test_images_without_a_stamp_are_bad_and_not_missing(make_rig):
    robot = make_rig(tracking__degraded_after=0.4).track().robot
    robot.until(lambda: robot.is_in("DEGRADED"), every=lambda: robot.send_image(0))
    robot.until(lambda: robot.is_in("DEGRADED", "bad_image"), every=lambda: robot.send_image(0))
    assert robot.last()["detail"] == "image.header.stamp: expected a time, got 0"
    assert robot.last()["inliers"] == "0" and float(robot.last()["score"]) == 0.0
    words = [v.value for s in robot.statuses for v in s.values if v.key == "reason"]
    assert "no_image" not in words


def test_one_stamp_far_ahead_is_refused_and_harms_nothing(make_rig, said):
    rig = make_rig(tracking__degraded_after=20.0, tracking__lost_after=60.0).track()
    robot = rig.robot
    calls, since = len(rig.fake.calls), len(robot.statuses)
    future = robot.now_ns() + 3_000_000_000_000

    def refused():
        """The status of that image; the node's timer may tell its reason before."""
        statuses = [{v.key: v.value for v in one.values} for one in robot.statuses[since:]]
        return [one for one in statuses if one.get("stamp") == str(future)]

    robot.until(refused, every=lambda: robot.send_image(future))
    status = refused()[0]
    assert (status["state"], status["reason"]) == ("TRACKING", "bad_image")
    assert seconds_ahead("image", status["detail"]) == pytest.approx(3000.0, abs=20.0)
    assert ("bad_image", status["detail"]) in said
    robot.until(lambda: robot.is_in("TRACKING", "ok"), every=robot.send_frame)
    assert future not in [frame.stamp_ns for frame, _ in rig.fake.calls[calls:]]
    assert "clock_jump" not in [v.value for s in robot.statuses for v in s.values]
    assert robot.set_parameter("tracking.degraded_after", 0.5).successful
    robot.until(lambda: robot.is_in("DEGRADED", "no_image"))


def test_a_frame_in_preparation_when_the_clock_jumps_back_is_not_published(make_rig):
    """Its odometry does not come: the worker waits for it while the clock jumps."""
    rig = make_rig(use_sim_time=True, odometry_wait_ms=1000.0)
    robot = rig.robot
    clock = robot.node.create_publisher(Clock, "/clock", 10)
    now = [robot.now_ns()]

    def step():
        now[0] += 100_000_000
        clock.publish(Clock(clock=messages.to_stamp(now[0])))
        robot.send_frame(now[0] - 30_000_000)

    rig.ready()
    robot.until(lambda: robot.is_in("TRACKING", "ok"), every=step)
    robot.spin(0.3)
    calls = len(rig.fake.calls)
    old = robot.send_frame(now[0] + 10_000_000, odom=False)
    robot.spin(0.3)
    assert len(rig.fake.calls) == calls, "still waiting for odometry"
    robot.poses.clear()
    clock.publish(Clock(clock=messages.to_stamp(now[0] - 50_000_000_000)))
    robot.until(lambda: robot.is_in("BOOTSTRAPPING", "clock_jump"))
    robot.until(lambda: rig.fake.calls[-1][0].stamp_ns == old)
    robot.spin(0.5)
    assert not robot.poses and robot.is_in("BOOTSTRAPPING", "clock_jump")


def test_a_bug_in_the_localizer_is_logged_and_does_not_end_the_worker(make_rig):
    rig = make_rig().track()
    robot = rig.robot

    def broken(frame, prior):
        raise ZeroDivisionError("a bug")

    rig.fake.answer = broken
    calls = len(rig.fake.calls)
    robot.until(lambda: len(rig.fake.calls) > calls, every=robot.send_frame)
    rig.fake.answer = rig.fake.right
    poses = len(robot.poses)
    robot.until(lambda: len(robot.poses) > poses, every=robot.send_frame)
