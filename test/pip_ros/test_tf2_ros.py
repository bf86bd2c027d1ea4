"""tf2_ros: lookups, errors and waiting, and transforms that travel between processes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import tf2_ros
from geometry_msgs.msg import TransformStamped
from rclpy.clock import ClockType
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.time import Time
from rosgraph_msgs.msg import Clock
from scipy.spatial.transform import Rotation, Slerp
from tf2_ros import (
    Buffer,
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    StaticTransformBroadcaster,
    TransformBroadcaster,
    TransformException,
    TransformListener,
)

LATEST = Time()


def at(seconds: float) -> Time:
    return Time(nanoseconds=round(seconds * 1e9), clock_type=ClockType.ROS_TIME)


def stamped(parent, child, seconds=0.0, shift=(0.0, 0.0, 0.0), turn=None) -> TransformStamped:
    """parent_from_child; `turn` is a rotation vector."""
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    message.header.stamp = at(seconds).to_msg()
    translation, rotation = message.transform.translation, message.transform.rotation
    translation.x, translation.y, translation.z = map(float, shift)
    quaternion = Rotation.from_rotvec((0, 0, 0) if turn is None else turn).as_quat()
    rotation.x, rotation.y, rotation.z, rotation.w = map(float, quaternion)
    return message


def matrix(message: TransformStamped) -> np.ndarray:
    translation, rotation = message.transform.translation, message.transform.rotation
    result = np.identity(4)
    result[:3, 3] = translation.x, translation.y, translation.z
    quaternion = (rotation.x, rotation.y, rotation.z, rotation.w)
    result[:3, :3] = Rotation.from_quat(quaternion).as_matrix()
    return result


def stamp(message: TransformStamped) -> float:
    return Time.from_msg(message.header.stamp).nanoseconds * 1e-9


@pytest.fixture
def buffer() -> Buffer:
    """map -> odom -> base moving along x, base -> camera static; dynamic data from 1 s to 3 s."""
    buffer = Buffer()
    for seconds in (1.0, 2.0, 3.0):
        turn = (0.0, 0.0, 0.4 * seconds)
        buffer.set_transform(stamped("odom", "base", seconds, (seconds, 0, 0), turn), "test")
    for seconds in (1.0, 2.5):
        buffer.set_transform(stamped("map", "odom", seconds, (0, seconds, 0)), "test")
    buffer.set_transform_static(stamped("base", "camera", 0.0, (0.1, 0.2, 0.3), (0, 1, 0)), "test")
    return buffer


def test_names_and_modules_users_import():
    from tf2_ros.buffer import Buffer as FromModule
    from tf2_ros.static_transform_broadcaster import StaticTransformBroadcaster as Static
    from tf2_ros.transform_broadcaster import TransformBroadcaster as Dynamic
    from tf2_ros.transform_listener import TransformListener as Listener

    assert (FromModule, Static) == (Buffer, StaticTransformBroadcaster)
    assert (Dynamic, Listener) == (TransformBroadcaster, TransformListener)
    assert issubclass(Buffer, tf2_ros.BufferInterface)
    for name in ("Connectivity", "Lookup", "Extrapolation", "InvalidArgument", "Timeout"):
        assert issubclass(getattr(tf2_ros, f"{name}Exception"), TransformException)
    assert not issubclass(LookupException, ExtrapolationException)


def test_lookup_takes_source_coordinates_to_the_target(buffer):
    found = buffer.lookup_transform("odom", "base", at(2.0))
    assert found.header.frame_id == "odom" and found.child_frame_id == "base"
    assert stamp(found) == 2.0
    expected = matrix(stamped("odom", "base", 0, (2, 0, 0), (0, 0, 0.8)))
    np.testing.assert_allclose(matrix(found), expected, atol=1e-12)


def test_position_is_interpolated_linearly_and_rotation_spherically():
    buffer = Buffer()
    turns = np.array([[0.3, -0.2, 0.9], [-1.2, 0.4, 2.0]])
    shifts = np.array([[1.0, 2.0, 3.0], [5.0, 0.0, -3.0]])
    for seconds, shift, turn in zip((10.0, 11.0), shifts, turns, strict=True):
        buffer.set_transform(stamped("a", "b", seconds, shift, turn), "test")
    slerp = Slerp([10.0, 11.0], Rotation.from_rotvec(turns))
    for seconds in (10.0, 10.1, 10.25, 10.5, 10.99, 11.0):
        found = matrix(buffer.lookup_transform("a", "b", at(seconds)))
        np.testing.assert_allclose(found[:3, :3], slerp(seconds).as_matrix(), atol=1e-9)
        expected = shifts[0] + (seconds - 10.0) * (shifts[1] - shifts[0])
        np.testing.assert_allclose(found[:3, 3], expected, atol=1e-6)


def test_opposite_quaternions_are_the_same_rotation():
    buffer = Buffer()
    first = stamped("a", "b", 1.0, turn=(0, 0, 0.2))
    second = stamped("a", "b", 2.0, turn=(0, 0, 0.4))
    for axis in "xyzw":
        value = getattr(second.transform.rotation, axis)
        setattr(second.transform.rotation, axis, -value)
    buffer.set_transform(first, "test")
    buffer.set_transform(second, "test")
    found = matrix(buffer.lookup_transform("a", "b", at(1.5)))
    expected = Rotation.from_rotvec((0, 0, 0.3)).as_matrix()
    np.testing.assert_allclose(found[:3, :3], expected, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_any_two_frames_of_a_random_tree_agree_with_matrices(seed):
    random = np.random.default_rng(seed)
    buffer, root_from = Buffer(), {"f0": np.identity(4)}
    for index in range(1, 12):
        parent = f"f{random.integers(index)}"
        link = stamped(parent, f"f{index}", 5.0, random.normal(size=3), random.normal(size=3))
        store = buffer.set_transform if random.random() < 0.6 else buffer.set_transform_static
        store(link, "test")
        root_from[f"f{index}"] = root_from[parent] @ matrix(link)
    for target, root_from_target in root_from.items():
        for source, root_from_source in root_from.items():
            expected = np.linalg.inv(root_from_target) @ root_from_source
            found = matrix(buffer.lookup_transform(target, source, at(5.0)))
            np.testing.assert_allclose(found, expected, atol=1e-9)


def test_time_zero_is_the_newest_common_time(buffer):
    found = buffer.lookup_transform("map", "base", LATEST)
    assert stamp(found) == 2.5
    np.testing.assert_allclose(matrix(found)[:3, 3], (2.5, 2.5, 0.0), atol=1e-9)
    assert stamp(buffer.lookup_transform("odom", "base", LATEST)) == 3.0
    assert stamp(buffer.lookup_transform("camera", "map", LATEST)) == 2.5
    assert buffer.get_latest_common_time("map", "camera").nanoseconds == 2_500_000_000


def test_static_transforms_hold_at_any_time(buffer):
    for seconds in (0.0, 1e-9, 5e8):
        found = buffer.lookup_transform("base", "camera", at(seconds))
        np.testing.assert_allclose(matrix(found)[:3, 3], (0.1, 0.2, 0.3), atol=1e-12)
        assert stamp(found) == pytest.approx(seconds)
    assert buffer.get_latest_common_time("base", "camera").nanoseconds == 0


def test_a_message_time_is_accepted(buffer):
    found = buffer.lookup_transform("odom", "base", at(2.0).to_msg())
    assert stamp(found) == 2.0


@pytest.mark.parametrize(
    ("seconds", "word"), [(3.1, "future"), (0.9, "past")], ids=["future", "past"]
)
def test_extrapolation_is_refused_and_says_which_way(buffer, seconds, word):
    with pytest.raises(ExtrapolationException, match=word):
        buffer.lookup_transform("odom", "base", at(seconds))
    with pytest.raises(ExtrapolationException, match=word):
        buffer.lookup_transform("base", "odom", at(seconds))
    with pytest.raises(ExtrapolationException):
        buffer.lookup_transform("camera", "map", at(seconds))
    assert not buffer.can_transform("odom", "base", at(seconds))


def test_a_single_sample_holds_only_at_its_time():
    buffer = Buffer()
    buffer.set_transform(stamped("a", "b", 4.0, (1, 0, 0)), "test")
    assert buffer.can_transform("a", "b", at(4.0))
    for seconds in (3.9, 4.1):
        with pytest.raises(ExtrapolationException):
            buffer.lookup_transform("a", "b", at(seconds))


def test_data_above_the_common_ancestor_is_not_needed(buffer):
    """map -> odom ends at 2.5 s, but odom -> base has data at 2.8 s."""
    found = buffer.lookup_transform("odom", "camera", at(2.8))
    assert stamp(found) == pytest.approx(2.8)
    assert buffer.can_transform("camera", "odom", at(2.8))
    assert not buffer.can_transform("camera", "map", at(2.8))


def test_unknown_frames_and_separate_trees(buffer):
    with pytest.raises(LookupException, match="nowhere"):
        buffer.lookup_transform("map", "nowhere", LATEST)
    with pytest.raises(LookupException, match="nowhere"):
        buffer.lookup_transform("nowhere", "map", LATEST)
    buffer.set_transform_static(stamped("mars", "rover"), "test")
    for when in (LATEST, at(2.0)):
        with pytest.raises(ConnectivityException):
            buffer.lookup_transform("map", "rover", when)
    assert not buffer.can_transform("map", "rover", at(2.0))


@pytest.mark.parametrize("name", ["", "/odom"])
def test_bad_frame_names_are_invalid_arguments(buffer, name):
    with pytest.raises(InvalidArgumentException):
        buffer.lookup_transform(name, "base", LATEST)
    with pytest.raises(InvalidArgumentException):
        buffer.lookup_transform("base", name, LATEST)
    assert not buffer.can_transform(name, "base", LATEST)


def test_a_frame_to_itself_is_the_identity(buffer):
    found = buffer.lookup_transform("base", "base", at(77.0))
    np.testing.assert_array_equal(matrix(found), np.identity(4))
    assert stamp(found) == 77.0
    assert stamp(buffer.lookup_transform("base", "base", LATEST)) == 3.0
    assert buffer.can_transform("unheard", "unheard", at(1.0))


def test_a_leading_slash_is_dropped_when_storing():
    buffer = Buffer()
    buffer.set_transform_static(stamped("/a", "/b", 0.0, (1, 2, 3)), "test")
    found = buffer.lookup_transform("a", "b", LATEST)
    assert found.transform.translation.z == 3.0


def broken(**fields: float) -> TransformStamped:
    message = stamped("a", "b", 1.0)
    for name, value in fields.items():
        part = message.transform.translation if name == "shift" else message.transform.rotation
        setattr(part, "x" if name == "shift" else "w", value)
    return message


@pytest.mark.parametrize(
    "message",
    [
        stamped("a", "a"),
        stamped("", "b"),
        stamped("a", ""),
        broken(shift=float("nan")),
        broken(turn=float("nan")),
        broken(turn=0.0),
    ],
    ids=["own parent", "no parent", "no child", "nan shift", "nan turn", "zero turn"],
)
def test_transforms_that_make_no_sense_are_not_stored(message):
    buffer = Buffer()
    buffer.set_transform(message, "test")
    assert not buffer.can_transform("a", "b", LATEST)


def test_a_quaternion_of_another_length_is_scaled_to_one():
    buffer = Buffer()
    buffer.set_transform(broken(turn=0.5), "test")
    found = buffer.lookup_transform("a", "b", LATEST)
    np.testing.assert_allclose(matrix(found), np.identity(4), atol=1e-12)
    assert found.transform.rotation.w == pytest.approx(1.0)


def test_data_older_than_the_cache_time_is_dropped():
    buffer = Buffer(cache_time=Duration(seconds=2))
    for seconds in range(1, 11):
        buffer.set_transform(stamped("a", "b", seconds, (seconds, 0, 0)), "test")
    assert buffer.can_transform("a", "b", at(8.5))
    assert not buffer.can_transform("a", "b", at(5.0))
    buffer.set_transform(stamped("a", "b", 3.0, (3, 0, 0)), "test")
    assert not buffer.can_transform("a", "b", at(4.0))


def test_the_cache_reaches_ten_seconds_back_unless_told():
    buffer = Buffer()
    for seconds in range(1, 31):
        buffer.set_transform(stamped("a", "b", seconds), "test")
    assert buffer.can_transform("a", "b", at(20.5))
    assert not buffer.can_transform("a", "b", at(15.0))


def test_samples_may_arrive_out_of_order():
    buffer = Buffer()
    for seconds in (1.0, 4.0, 2.0, 3.0, 3.0):
        buffer.set_transform(stamped("a", "b", seconds, (seconds**2, 0, 0)), "test")
    found = buffer.lookup_transform("a", "b", at(2.5))
    assert found.transform.translation.x == pytest.approx(6.5)
    assert stamp(buffer.lookup_transform("a", "b", LATEST)) == 4.0


def test_a_frame_may_change_its_parent():
    buffer = Buffer()
    buffer.set_transform_static(stamped("root", "left", 0, (0, 1, 0)), "test")
    buffer.set_transform_static(stamped("root", "right", 0, (0, -1, 0)), "test")
    buffer.set_transform(stamped("left", "tool", 1.0), "test")
    buffer.set_transform(stamped("left", "tool", 2.0), "test")
    buffer.set_transform(stamped("right", "tool", 3.0), "test")
    heights = [
        buffer.lookup_transform("root", "tool", at(seconds)).transform.translation.y
        for seconds in (1.5, 2.5, 3.0)
    ]
    assert heights == [1.0, 1.0, -1.0]


def test_clear_forgets_all_but_static_transforms(buffer):
    buffer.clear()
    assert not buffer.can_transform("odom", "base", at(2.0))
    assert not buffer.can_transform("odom", "base", LATEST)
    assert buffer.can_transform("base", "camera", LATEST)


def test_full_lookup_goes_by_the_fixed_frame(buffer):
    """Where the camera was at 1.2 s, seen from the base of 2.4 s, odom at rest."""
    found = buffer.lookup_transform_full("base", at(2.4), "camera", at(1.2), "odom")
    expected = matrix(buffer.lookup_transform("base", "odom", at(2.4))) @ matrix(
        buffer.lookup_transform("odom", "camera", at(1.2))
    )
    np.testing.assert_allclose(matrix(found), expected, atol=1e-9)
    assert stamp(found) == pytest.approx(2.4)
    assert buffer.can_transform_full("base", at(2.4), "camera", at(1.2), "odom")
    assert not buffer.can_transform_full("base", at(9.0), "camera", at(1.2), "odom")
    with pytest.raises(ExtrapolationException):
        buffer.lookup_transform_full("base", at(2.4), "camera", at(0.2), "odom")
    with pytest.raises(LookupException):
        buffer.lookup_transform_full("base", at(2.4), "camera", at(1.2), "nowhere")


def test_can_transform_says_why_not(buffer):
    assert not buffer.can_transform("map", "base", at(9.0))
    answer, reason = buffer.can_transform("map", "base", at(9.0), return_debug_tuple=True)
    assert not answer and reason
    assert buffer.can_transform("map", "base", at(2.0), return_debug_tuple=True)[0]


def test_waiting_ends_at_the_timeout(buffer):
    start = time.monotonic()
    with pytest.raises(ExtrapolationException):
        buffer.lookup_transform("odom", "base", at(9.0), Duration(seconds=0.3))
    assert 0.28 < time.monotonic() - start < 1.5


@pytest.mark.parametrize("full", [False, True], ids=["simple", "full"])
def test_waiting_ends_when_another_thread_stores_the_data(buffer, full):
    message = stamped("odom", "base", 9.0, (9, 0, 0))
    feeder = threading.Timer(0.2, buffer.set_transform, (message, "test"))
    feeder.start()
    start, patience = time.monotonic(), Duration(seconds=10)
    if full:
        found = buffer.lookup_transform_full("odom", at(9), "base", at(9), "odom", patience)
    else:
        found = buffer.lookup_transform("odom", "base", at(9.0), patience)
    assert time.monotonic() - start < 5.0
    assert found.transform.translation.x == 9.0
    feeder.join()


def test_a_future_is_done_when_the_data_comes(buffer):
    ready = buffer.wait_for_transform_async("odom", "base", at(2.0))
    assert ready.done() and ready.result().transform.translation.x == 2.0
    future = buffer.wait_for_transform_async("odom", "base", at(9.0))
    full = buffer.wait_for_transform_full_async("odom", at(9.0), "base", at(9.0), "odom")
    assert not future.done() and not full.done()
    buffer.set_transform(stamped("odom", "base", 9.0, (9, 0, 0)), "test")
    assert future.result().transform.translation.x == 9.0
    assert full.result().transform.translation.x == 9.0
    buffer.set_transform(stamped("odom", "base", 9.5, (9, 0, 0)), "test")


def test_many_threads_may_use_one_buffer():
    buffer, faults = Buffer(), []
    buffer.set_transform(stamped("a", "b", 0.001), "test")

    def read() -> None:
        try:
            for _ in range(400):
                buffer.lookup_transform("b", "a", LATEST)
        except Exception as fault:
            faults.append(fault)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for index in range(1, 400):
        buffer.set_transform(stamped("a", "b", 0.001 + index), "test")
    for reader in readers:
        reader.join()
    assert not faults


def test_registered_types_are_transformed(buffer):
    class Height:
        def __init__(self, header, value):
            self.header, self.value = header, value

    def raise_height(item, transform):
        return Height(transform.header, item.value + transform.transform.translation.z)

    tf2_ros.TransformRegistration().add(Height, raise_height)
    header = stamped("camera", "", 2.0).header
    raised = buffer.transform(Height(header, 1.0), "base")
    assert raised.value == pytest.approx(1.3) and raised.header.frame_id == "base"
    with pytest.raises(tf2_ros.TypeException):
        buffer.transform(object(), "base")


def test_a_clock_that_jumps_back_clears_the_buffer(node):
    buffer = Buffer(node=node)
    buffer.set_transform(stamped("a", "b", 50.0), "test")
    node.set_parameters([Parameter("use_sim_time", value=True)])
    buffer.set_transform(stamped("a", "b", 50.0), "test")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    publisher = node.create_publisher(Clock, "/clock", 10)

    def set_clock(seconds: float) -> bool:
        deadline = time.monotonic() + 10.0
        while node.get_clock().now() != at(seconds) and time.monotonic() < deadline:
            publisher.publish(Clock(clock=at(seconds).to_msg()))
            executor.spin_once(timeout_sec=0.05)
        return node.get_clock().now() == at(seconds)

    assert set_clock(50.0)
    buffer.set_transform(stamped("a", "b", 50.0), "test")
    assert set_clock(51.0)
    assert buffer.can_transform("a", "b", LATEST)
    assert set_clock(10.0)
    assert not buffer.can_transform("a", "b", LATEST)


BROADCASTER = """
import time, rclpy
from geometry_msgs.msg import TransformStamped
from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster
rclpy.init()
node = rclpy.create_node("broadcaster")
static, dynamic = StaticTransformBroadcaster(node), TransformBroadcaster(node)
def transform(parent, child, x):
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id, message.header.stamp = parent, node.get_clock().now().to_msg()
    message.transform.translation.x = x
    return message
static.sendTransform(transform("base", "camera", 0.25))
static.sendTransform([transform("base", "lidar", 0.5)])
print("static sent", flush=True)
while True:
    dynamic.sendTransform(transform("odom", "base", 1.0))
    dynamic.sendTransform([transform("map", "odom", 2.0)])
    time.sleep(0.02)
"""


@pytest.fixture
def broadcaster(ros_domain):
    process = subprocess.Popen(
        [sys.executable, "-c", BROADCASTER], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "static sent\n"
    yield process
    process.kill()
    process.wait()


def test_transforms_arrive_from_another_process(node, broadcaster):
    """Static ones too, although they were sent before this listener existed."""
    buffer = Buffer()
    listener = TransformListener(buffer, node, spin_thread=True)
    found = buffer.lookup_transform("map", "camera", LATEST, Duration(seconds=20))
    assert found.transform.translation.x == pytest.approx(3.25)
    found = buffer.lookup_transform("map", "lidar", LATEST, Duration(seconds=20))
    assert found.transform.translation.x == pytest.approx(3.5)
    age = node.get_clock().now() - Time.from_msg(found.header.stamp)
    assert age.nanoseconds < 1_000_000_000
    listener.executor.shutdown()
    listener.dedicated_listener_thread.join()


LISTENER = """
import rclpy
from tf2_ros import Buffer, TransformListener
rclpy.init()
node = rclpy.create_node("listener")
buffer = Buffer()
listener = TransformListener(buffer, node, spin_thread=True)
print(buffer.can_transform("a", "b", node.get_clock().now()))
rclpy.shutdown()
"""


@pytest.mark.parametrize("attempt", range(3))
def test_a_listening_process_ends_cleanly(ros_domain, attempt):
    command = [sys.executable, "-c", LISTENER]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (result.returncode, result.stdout) in ((0, "False\n"), (0, "0\n"))


def test_a_callback_may_wait_while_another_thread_spins(context, broadcaster):
    spun = Node("spun")
    buffer = Buffer()
    listener = TransformListener(buffer, spun)
    executor = SingleThreadedExecutor()
    executor.add_node(spun)
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            executor.spin_once(timeout_sec=0.05)

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        assert buffer.can_transform("map", "base", LATEST, Duration(seconds=20))
        ahead = spun.get_clock().now() + Duration(seconds=0.2)
        found = buffer.lookup_transform("odom", "base", ahead, Duration(seconds=10))
        assert Time.from_msg(found.header.stamp).nanoseconds == ahead.nanoseconds
    finally:
        stop.set()
        thread.join()
    listener.unregister()
    spun.destroy_node()
