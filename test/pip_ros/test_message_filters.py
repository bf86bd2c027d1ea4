"""message_filters: which messages come out together, from which arrivals."""

from __future__ import annotations

import threading
import time

import pytest
from message_filters import (
    ApproximateTimeSynchronizer,
    Cache,
    SimpleFilter,
    Subscriber,
    TimeSynchronizer,
)
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String


def at(milliseconds: float) -> Time:
    return Time(nanoseconds=round(milliseconds * 1e6), clock_type=ClockType.ROS_TIME)


def image(milliseconds: float, frame: str = "") -> Image:
    message = Image()
    message.header.stamp = at(milliseconds).to_msg()
    message.header.frame_id = frame
    return message


def milliseconds(message: Image) -> int:
    return round(Time.from_msg(message.header.stamp).nanoseconds / 1e6)


class Joined:
    """Inputs of a synchronizer and the stamps of what came out of it."""

    def __init__(self, count, make):
        self.inputs = [SimpleFilter() for _ in range(count)]
        self.synchronizer = make(self.inputs)
        self.synchronizer.registerCallback(self.receive)
        self.sets = []

    def receive(self, *messages):
        self.sets.append(tuple(milliseconds(message) for message in messages))

    def feed(self, *arrivals):
        for index, stamp in arrivals:
            self.inputs[index].signalMessage(image(stamp))
        return self.sets


def exact(count=2, queue_size=10) -> Joined:
    return Joined(count, lambda inputs: TimeSynchronizer(inputs, queue_size))


def nearly(count=2, queue_size=10, slop=0.010) -> Joined:
    return Joined(count, lambda inputs: ApproximateTimeSynchronizer(inputs, queue_size, slop))


def test_a_filter_calls_every_callback_with_its_own_arguments():
    calls = []
    source = SimpleFilter()
    first = source.registerCallback(lambda *arguments: calls.append(arguments))
    second = source.registerCallback(lambda *arguments: calls.append(arguments), "extra", 2)
    source.signalMessage("message")
    assert first != second
    assert calls == [("message",), ("message", "extra", 2)]


def test_equal_stamps_come_out_together_in_the_order_of_the_inputs():
    joined = exact(3)
    assert joined.feed((2, 5), (0, 5)) == []
    assert joined.feed((1, 5)) == [(5, 5, 5)]


def test_a_nanosecond_apart_is_not_equal():
    assert exact().feed((0, 5.0), (1, 5.000001)) == []


def test_sets_come_out_whatever_the_order_of_arrival():
    arrivals = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (1, 1)]
    assert exact().feed(*arrivals) == [(2, 2), (3, 3), (1, 1)]


def test_each_message_is_used_once():
    assert exact().feed((0, 1), (1, 1), (1, 1)) == [(1, 1)]
    assert nearly().feed((0, 1), (1, 2), (1, 3)) == [(1, 2)]


def test_full_queues_drop_the_oldest():
    joined = exact(queue_size=2)
    assert joined.feed((0, 1), (0, 2), (0, 3), (1, 1)) == []
    assert joined.feed((1, 2), (1, 3)) == [(2, 2), (3, 3)]


def test_messages_within_the_slop_come_out_together():
    assert nearly().feed((0, 100), (1, 109)) == [(100, 109)]
    assert nearly().feed((0, 100), (1, 111)) == []
    assert nearly(slop=0.012).feed((0, 100), (1, 111)) == [(100, 111)]


def test_the_nearest_partner_is_taken():
    joined = nearly()
    assert joined.feed((0, 92), (0, 95), (0, 99), (0, 108), (1, 100)) == [(99, 100)]
    assert joined.feed((1, 107)) == [(99, 100), (108, 107)]


def test_all_partners_lie_within_the_slop_of_each_other():
    """Both are near the middle one, but 16 ms from each other."""
    joined = nearly(3)
    assert joined.feed((0, 92), (2, 108), (1, 100)) == []
    assert joined.feed((0, 103)) == [(103, 100, 108)]


def test_a_farther_partner_is_taken_where_the_nearest_does_not_fit():
    joined = nearly(3)
    # nearest to 100 are 97 and 108, too far apart; 104 is farther from 100 and fits 108
    assert joined.feed((0, 97), (0, 104), (2, 108), (1, 100)) == [(104, 100, 108)]


def test_approximate_queues_drop_the_oldest():
    joined = nearly(queue_size=2)
    assert joined.feed((0, 100), (0, 200), (0, 300), (1, 100), (1, 201)) == [(200, 201)]


def test_messages_without_a_header_need_permission():
    inputs = [SimpleFilter(), SimpleFilter()]
    sets = []
    strict = ApproximateTimeSynchronizer(inputs, 10, 5.0)
    strict.registerCallback(lambda *messages: sets.append("strict"))
    lenient = ApproximateTimeSynchronizer(inputs, 10, 5.0, allow_headerless=True)
    lenient.registerCallback(lambda *messages: sets.append([m.data for m in messages]))
    for index, source in enumerate(inputs):
        source.signalMessage(String(data=str(index)))
    assert sets == [["0", "1"]]


def test_synchronizers_chain():
    """The output of one is the input of a callback that feeds another."""
    left = exact()
    relay = SimpleFilter()
    left.synchronizer.registerCallback(lambda first, second: relay.signalMessage(first))
    other, sets = SimpleFilter(), []
    last = TimeSynchronizer([relay, other], 10)
    last.registerCallback(lambda first, second: sets.append(milliseconds(first)))
    left.feed((0, 7), (1, 7))
    other.signalMessage(image(7))
    assert sets == [7]


def test_messages_may_come_from_many_threads():
    joined = exact(queue_size=1000)

    def feed(index: int) -> None:
        joined.feed(*((index, stamp) for stamp in range(300)))

    threads = [threading.Thread(target=feed, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(joined.sets) == [(stamp, stamp) for stamp in range(300)]


@pytest.fixture
def cache() -> Cache:
    """Of five messages, at 10 to 50 ms, the last three."""
    source = SimpleFilter()
    cache = Cache(source, 3)
    for stamp in (10, 20, 30, 40, 50):
        source.signalMessage(image(stamp))
    return cache


def test_a_cache_keeps_the_newest(cache):
    assert milliseconds(cache.getLast()) == 50
    assert cache.getOldestTime() == at(30)
    assert cache.getLastestTime() == at(50)


def test_a_cache_answers_by_time(cache):
    assert [milliseconds(m) for m in cache.getInterval(at(30), at(40))] == [30, 40]
    assert cache.getInterval(at(31), at(39)) == []
    assert milliseconds(cache.getElemAfterTime(at(31))) == 40
    assert milliseconds(cache.getElemAfterTime(at(40))) == 40
    assert milliseconds(cache.getElemBeforeTime(at(39))) == 30
    assert cache.getElemAfterTime(at(51)) is None
    assert cache.getElemBeforeTime(at(29)) is None


def test_an_empty_cache_has_nothing():
    cache = Cache(SimpleFilter(), 3)
    assert cache.getLast() is None
    assert cache.getLastestTime() is None and cache.getOldestTime() is None


def test_a_cache_passes_messages_on_and_may_take_headerless_ones():
    source, passed = SimpleFilter(), []
    Cache(source, 2).registerCallback(lambda message: passed.append("strict"))
    lenient = Cache(source, 2, allow_headerless=True)
    lenient.registerCallback(lambda message: passed.append(message.data))
    source.signalMessage(String(data="now"))
    assert passed == ["now"]
    assert lenient.getLast().data == "now"


def spin_until(node, done) -> bool:
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    deadline = time.monotonic() + 15.0
    while not done() and time.monotonic() < deadline:
        executor.spin_once(timeout_sec=0.05)
    executor.remove_node(node)
    return done()


def test_subscribers_synchronize_topics(node):
    group = ReentrantCallbackGroup()
    images = Subscriber(node, Image, "image", qos_profile=qos_profile_sensor_data)
    infos = Subscriber(node, CameraInfo, "camera_info", callback_group=group)
    sets = []
    synchronizer = TimeSynchronizer([images, infos], 10)
    synchronizer.registerCallback(lambda *messages: sets.append(messages))
    assert images.getTopic() == "image" and infos.getTopic() == "camera_info"
    assert images.sub.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
    assert infos.sub.qos_profile.depth == 10
    assert images.topic_name == "/image"

    image_publisher = node.create_publisher(Image, "image", QoSProfile(depth=10))
    info_publisher = node.create_publisher(CameraInfo, "camera_info", 10)
    assert spin_until(
        node, lambda: min(p.get_subscription_count() for p in (image_publisher, info_publisher)) > 0
    )
    for stamp in (1, 2):
        image_publisher.publish(image(stamp, "camera"))
    info = CameraInfo()
    info.header.stamp = at(2).to_msg()
    info_publisher.publish(info)
    assert spin_until(node, lambda: bool(sets))
    assert type(sets[0][0]) is Image and type(sets[0][1]) is CameraInfo
    assert [milliseconds(message) for message in sets[0]] == [2, 2]
