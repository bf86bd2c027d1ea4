"""Faults on live topics: what comes out is what the line of faults makes of the same bag."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest
import rclpy
from nav_msgs.msg import Odometry
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu, PointCloud2

from semloc_ros.evaluation.faults import FaultLine, parse_faults
from semloc_ros.evaluation.stream import IMAGE, LABELS, ODOMETRY, Event
from semloc_ros.geometry import se3
from semloc_ros.nodes import messages
from semloc_ros.nodes.fault_injector import FaultInjectorNode

S = 1_000_000_000
START = 1_700_000_000 * S
CLOCK = ["-r", "/clock:=/recorded_clock", "-r", "~/clock:=/clock"]


class Line:
    """A fault injector, somebody who sends to it, and somebody who hears what comes out."""

    def __init__(self, inject: str, transport: str = "raw", sim: bool = False) -> None:
        values = {"inject": inject, "seed": 3, "image_transport": transport, "use_sim_time": sim}
        self.node = FaultInjectorNode(
            parameter_overrides=[Parameter(key, value=value) for key, value in values.items()],
            cli_args=["--ros-args", *(CLOCK if sim else [])],
        )
        self.sender, self.hearer = rclpy.create_node("sender"), rclpy.create_node("hearer")
        image = CompressedImage if transport == "compressed" else Image
        self.kinds = {"image": image, "camera_info": CameraInfo, "odom": Odometry, "mask": Image}
        self.kinds |= {"labels": Image, "places": PointCloud2, "imu": Imu}
        self.kinds |= {"correspondences": PointCloud2}
        make = self.sender.create_publisher
        self.publishers = {name: make(kind, name, 10) for name, kind in self.kinds.items()}
        self.clock_publisher = make(Clock, "/recorded_clock", 10)
        self.heard: dict[str, list[tuple[float, Any]]] = {}
        self.executor = SingleThreadedExecutor()
        for node in (self.node, self.sender, self.hearer):
            self.executor.add_node(node)
        self.thread = threading.Thread(target=self.executor.spin, daemon=True)
        self.thread.start()

    def listen(self, *names: str) -> Line:
        for name in names:
            self._hear(name, self.kinds[name], f"/fault_injector/{name}")
        wait_for(lambda: all(self.publishers[name].get_subscription_count() for name in names))
        wait_for(lambda: all(self.node.count_subscribers(f"/fault_injector/{n}") for n in names))
        return self

    def _hear(self, name: str, kind: type, topic: str) -> None:
        into = self.heard.setdefault(name, [])
        self.hearer.create_subscription(
            kind, topic, lambda message: into.append((time.monotonic(), message)), 100
        )

    def listen_to_the_clock(self) -> None:
        self._hear("clock", Clock, "/clock")
        wait_for(lambda: self.clock_publisher.get_subscription_count() == 2)
        wait_for(lambda: self.node.count_subscribers("/clock") == 1)

    def tick(self, now_ns: int) -> None:
        """The recorded time; twice, so that the node has taken the first one in."""
        for _ in range(2):
            before = len(self.heard["clock"])
            self.clock_publisher.publish(Clock(clock=messages.to_stamp(now_ns)))
            wait_for(lambda before=before: len(self.heard["clock"]) > before)

    def close(self) -> None:
        self.executor.shutdown()
        self.thread.join(timeout=10.0)
        self.node.close()
        for node in (self.node, self.sender, self.hearer):
            node.destroy_node()


def wait_for(condition: Callable[[], Any], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.002)


@pytest.fixture
def make_line(ros: int) -> Iterator[Callable[..., Line]]:
    lines: list[Line] = []

    def make(*words: str, **options: Any) -> Line:
        lines.append(Line(" ".join(words), **options))
        return lines[-1]

    yield make
    for line in lines:
        line.close()


def drive(steps: int = 80) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Stamp, picture and odometry, ten a second."""
    rng = np.random.default_rng(1)
    for step in range(steps):
        pose = se3.exp([step / 10, 0, 0, 0, 0, step / 50])
        yield START + step * S // 10, rng.integers(0, 255, (48, 64, 3), np.uint8), pose


def offline(words: str) -> list[Event]:
    """The same drive as a bag gives it."""
    events = [
        Event(stamp, stamp, kind, value, stamp)
        for stamp, picture, pose in drive()
        for kind, value in ((ODOMETRY, pose), (IMAGE, picture))
    ]
    return list(FaultLine(parse_faults([words]), 3).inject(events))


def odometry(stamp_ns: int, pose: np.ndarray) -> Odometry:
    message = Odometry(header=messages.header("odom", stamp_ns), child_frame_id="base_link")
    message.pose.pose = messages.to_pose(pose)
    message.pose.covariance[0] = 0.5
    return message


def numbers(message: Odometry) -> list[float]:
    p, q = message.pose.pose.position, message.pose.pose.orientation
    return [p.x, p.y, p.z, q.x, q.y, q.z, q.w]


def stamps(heard: list[tuple[float, Any]]) -> list[int]:
    return [messages.stamp_ns(message.header.stamp) for _, message in heard]


@pytest.mark.parametrize(
    "words",
    [
        "drop=0.4 blackout@2=1.5 odom_dropout@3=2 nan_odom@1=1",
        "kidnap@2=3s crowd=3 exposure=0.5 occlude=0.3",
    ],
)
def test_live_topics_get_the_faults_of_the_bag(make_line: Any, words: str) -> None:
    expected = {
        kind: [event for event in offline(words) if event.kind == kind]
        for kind in (IMAGE, ODOMETRY)
    }
    line = make_line(words).listen("image", "odom")
    for stamp, picture, pose in drive():
        header = messages.header("camera", stamp)
        line.publishers["odom"].publish(odometry(stamp, pose))
        line.publishers["image"].publish(messages.to_image(picture, header))
        counts = {  # sent at the pace of what comes out, so that a slow machine loses nothing
            name: sum(event.origin_ns <= stamp for event in expected[kind])
            for name, kind in (("image", IMAGE), ("odom", ODOMETRY))
        }
        wait_for(lambda c=counts: all(len(line.heard[name]) >= c[name] for name in c))
    assert stamps(line.heard["image"]) == [event.stamp_ns for event in expected[IMAGE]]
    for (_, message), event in zip(line.heard["image"], expected[IMAGE], strict=True):
        assert np.array_equal(messages.image_from(message), event.value), "to the last pixel"
        assert message.header.frame_id == "camera"
    assert stamps(line.heard["odom"]) == [event.stamp_ns for event in expected[ODOMETRY]]
    known = {stamp: pose for stamp, _, pose in drive()}
    for (_, message), event in zip(line.heard["odom"], expected[ODOMETRY], strict=True):
        if np.isnan(event.value).any():
            assert np.isnan(numbers(message)).all()
        else:
            assert np.allclose(messages.pose_from("odom", message.pose.pose), event.value)
        as_it_came = np.array_equal(event.value, known[event.origin_ns])
        assert message.pose.covariance[0] == (0.5 if as_it_came else 0.0), "of other axes"
        assert message.child_frame_id == "base_link"


def test_images_that_are_late_are_overtaken(make_line: Any) -> None:
    others = ("camera_info", "odom", "mask", "labels", "places", "correspondences", "imu")
    line = make_line("delay=0.5").listen("image", *others)
    sent, header = time.monotonic(), messages.header("camera", START)
    picture = np.full((4, 4), 9, np.uint8)
    line.publishers["image"].publish(messages.to_image(picture, header))
    for name in ("mask", "labels"):
        line.publishers[name].publish(messages.to_image(picture, header))
    line.publishers["camera_info"].publish(CameraInfo(header=header))
    line.publishers["imu"].publish(Imu(header=header))
    for name in ("places", "correspondences"):
        line.publishers[name].publish(PointCloud2(header=header))
    line.publishers["odom"].publish(odometry(START, np.eye(4)))
    wait_for(lambda: all(line.heard.values()))
    late = {name: heard[0][0] - sent for name, heard in line.heard.items()}
    assert late["image"] >= 0.5
    assert all(late[name] < late["image"] for name in others)
    assert {stamp for heard in line.heard.values() for stamp in stamps(heard)} == {START}


def test_compressed_images_are_as_they_came_or_lose_nothing(make_line: Any) -> None:
    line = make_line("blackout@1=1 exposure@2=0.5", transport="compressed").listen("image")
    picture = np.random.default_rng(2).integers(0, 255, (48, 64, 3), np.uint8)
    data = cv2.imencode(".jpg", picture)[1].tobytes()
    for second in range(3):
        message = CompressedImage(format="jpeg", data=data)
        message.header = messages.header("camera", START + second * S)
        line.publishers["image"].publish(message)
        wait_for(lambda count=second + 1: len(line.heard["image"]) == count)
    plain, black, dark = (message for _, message in line.heard["image"])
    assert (plain.format, bytes(plain.data)) == ("jpeg", data)
    assert not messages.image_from(black).any()
    seen = Event(START, START, IMAGE, messages.image_from(plain), START)
    faults = FaultLine(parse_faults(["blackout@1=1 exposure@2=0.5"]), 3)
    faults.push(seen)
    later = Event(START, START, IMAGE, seen.value, START + 2 * S)
    assert np.array_equal(messages.image_from(dark), faults.push(later)[0].value)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_label_maps_are_labelled_wrongly(make_line: Any, kind: type) -> None:
    line = make_line("labels=0.3").listen("labels")
    labels = np.random.default_rng(5).integers(0, 9, (48, 64)).astype(kind)
    message = messages.to_image(labels, messages.header("camera", START))
    line.publishers["labels"].publish(message)
    wait_for(lambda: line.heard["labels"])
    seen = messages.companion_from("labels", line.heard["labels"][0][1])
    faults = FaultLine(parse_faults(["labels=0.3"]), 3)
    (expected,) = faults.push(Event(START, START, LABELS, labels, START))
    assert seen.dtype == kind and np.array_equal(seen, expected.value)
    assert (seen != labels).mean() == pytest.approx(0.3, abs=0.01)


def test_all_clocks_jump_together(make_line: Any) -> None:
    line = make_line("clockjump@1=-5", sim=True).listen("camera_info", "odom")
    line.listen_to_the_clock()
    for step in range(4):
        now = START + step * S // 2
        line.tick(now)
        header = messages.header("camera", now)
        line.publishers["camera_info"].publish(CameraInfo(header=header))
        line.publishers["odom"].publish(odometry(now, np.eye(4)))
        wait_for(lambda count=step + 1: all(
            len(line.heard[name]) == count for name in ("odom", "camera_info")
        ))  # fmt: skip
    wanted = [START, START + S // 2, START - 4 * S, START - 4 * S + S // 2]
    assert stamps(line.heard["odom"]) == stamps(line.heard["camera_info"]) == wanted
    ticks = [messages.stamp_ns(message.clock) for _, message in line.heard["clock"]]
    assert ticks == [one for one in wanted for _ in range(2)]


def test_topics_are_taken_only_when_somebody_listens(make_line: Any) -> None:
    line = make_line("drop")
    time.sleep(0.5)
    counts = [one.get_subscription_count() for one in line.publishers.values()]
    assert counts == [0] * 8, "whoever waits for the localizer must not find this node"
    line.listen("odom")
    assert line.publishers["image"].get_subscription_count() == 0


def test_faults_that_changed_nothing_are_said(
    make_line: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    make_line("drop kidnap@500").node.close()
    assert "fault_injector: warning: changed nothing: kidnap drop" in capsys.readouterr().err
