"""Replay over real DDS: a bag is written here, played by a process, and heard by this one."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)  # fmt: skip
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from rosgraph_msgs.msg import Clock
from std_msgs.msg import String
from std_srvs.srv import SetBool

STORE = get_typestore(Stores.ROS2_JAZZY)
START_NS = 1_700_000_000_000_000_000
MS = 1_000_000
NEVER = QosTime(0, 0)


def qos(depth: int, latched: bool, reliable: bool = True) -> Qos:
    return Qos(
        QosHistory.KEEP_LAST, depth,
        QosReliability.RELIABLE if reliable else QosReliability.BEST_EFFORT,
        QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        NEVER, NEVER, QosLiveliness.AUTOMATIC, NEVER, False,
    )  # fmt: skip


def write_bag(path: Path, storage: StoragePlugin = StoragePlugin.MCAP, count: int = 40) -> Path:
    """`/words` at 50 Hz (best effort), one latched `/site`, and a type nobody has installed."""
    text = STORE.types["std_msgs/msg/String"]
    with Writer(path, version=9, storage_plugin=storage) as bag:
        site = bag.add_connection(
            "/site", "std_msgs/msg/String", typestore=STORE, offered_qos_profiles=[qos(1, True)]
        )
        words = bag.add_connection(
            "/words", "std_msgs/msg/String", typestore=STORE,
            offered_qos_profiles=[qos(5, False, reliable=False)],
        )  # fmt: skip
        odd = bag.add_connection(
            "/odd", "nobody_msgs/msg/Odd", msgdef="string data\n", rihs01="RIHS01_" + 64 * "0"
        )
        bag.write(site, START_NS, STORE.serialize_cdr(text("here"), "std_msgs/msg/String"))
        for i in range(count):
            data = STORE.serialize_cdr(text(str(i)), "std_msgs/msg/String")
            bag.write(words, START_NS + i * 20 * MS, data)
            bag.write(odd, START_NS + i * 20 * MS, data)
    return path


class Listener:
    """A node of this process that writes down what it hears, and when."""

    def __init__(self) -> None:
        rclpy.init()
        self.node = Node("listener")
        self.words: list[tuple[float, str]] = []
        self.sites: list[str] = []
        self.clock_ns: list[tuple[float, int]] = []
        sensor = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
        self.node.create_subscription(String, "/words", self._word, sensor)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.node.create_subscription(String, "/site", self._site, latched)
        self.node.create_subscription(Clock, "/clock", self._time, sensor)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except rclpy.executors.ExternalShutdownException:
            return

    def _word(self, message: String) -> None:
        self.words.append((time.monotonic(), message.data))

    def _site(self, message: String) -> None:
        self.sites.append(message.data)

    def _time(self, message: Clock) -> None:
        stamp_ns = message.clock.sec * 10**9 + message.clock.nanosec
        self.clock_ns.append((time.monotonic(), stamp_ns))

    def call_pause(self, value: bool) -> None:
        client = self.node.create_client(SetBool, "/replay/pause")
        assert client.wait_for_service(timeout_sec=10.0)
        future = client.call_async(SetBool.Request(data=value))
        assert wait_for(future.done)
        assert future.result().success

    def close(self) -> None:
        self._executor.shutdown()
        self._thread.join(timeout=5.0)
        self.node.destroy_node()  # or its subscriptions live on and match the next test's topics
        rclpy.shutdown()


def wait_for(condition: Callable[[], Any], timeout_s: float = 20.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def listener(ros_domain: int) -> Iterator[Listener]:
    one = Listener()
    yield one
    one.close()


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "semloc_ros.nodes.replay", *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)


def play(*arguments: object) -> tuple[int, str]:
    process = start(*arguments)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_every_message_arrives_when_it_is_due(
    listener: Listener, tmp_path: Path, storage: StoragePlugin
) -> None:
    bag = write_bag(tmp_path / "bag", storage)
    code, errors = play(bag, "--wait-for-subscribers", 2)
    assert code == 0, errors
    assert wait_for(lambda: len(listener.words) == 40)
    assert [word for _, word in listener.words] == [str(i) for i in range(40)]
    assert listener.sites == ["here"]
    assert "warning: /odd: skipped: type nobody_msgs/msg/Odd is not installed" in errors
    plays = [lateness(listener)]
    while plays[-1] > 0.01 and len(plays) < 3:  # a busy machine delays one play, a fault all
        listener.words.clear()
        play(bag, "--wait-for-subscribers", 2)
        assert wait_for(lambda: len(listener.words) == 40)
        plays.append(lateness(listener))
    assert plays[-1] <= 0.01, plays


def lateness(listener: Listener) -> float:
    """Median seconds by which words are later than their place in the bag and the least late."""
    late = [at - i * 0.02 for i, (at, _) in enumerate(listener.words)]
    return statistics.median(late) - min(late)


def test_the_clock_is_the_time_of_the_bag(listener: Listener, tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag")
    code, _ = play(bag, "--rate", 2, "--wait-for-subscribers", 2)
    assert code == 0
    running = [(at, now) for at, now in listener.clock_ns if now > START_NS]
    stamps = [now for _, now in running]
    assert stamps == sorted(stamps)
    assert 20 <= len(running) <= 60  # 0.39 s at 100 Hz
    (first_at, first), (last_at, last) = running[0], running[-1]
    assert (last - first) * 1e-9 == pytest.approx(2 * (last_at - first_at), rel=0.1)


def test_the_bag_waits_for_those_who_come_late(ros_domain: int, tmp_path: Path) -> None:
    process = start(write_bag(tmp_path / "bag"), "--wait-for", "/words,/site")
    time.sleep(2.0)
    late = Listener()
    try:
        assert process.wait(timeout=30) == 0
        assert wait_for(lambda: len(late.words) == 40), late.words
    finally:
        process.kill()
        process.communicate()
        late.close()
    assert late.words[0][1] == "0"


@pytest.mark.parametrize("wanted", ["/words=2", "/nowhere"])
def test_nobody_comes(listener: Listener, tmp_path: Path, wanted: str) -> None:
    words = (write_bag(tmp_path / "bag"), "--wait-for", wanted, "--wait-timeout", 0.5)
    code, errors = play(*words)
    assert code == 1
    assert wanted.partition("=")[0] in errors and "Traceback" not in errors
    code, errors = play(*words, "--play-unheard")
    assert code == 0
    assert "replay: warning:" in errors and "playing on" in errors
    assert "40 messages" in errors or "41 messages" in errors


def test_start_leaves_out_and_keeps_what_is_latched(listener: Listener, tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag")
    assert play(bag, "--start", 0.6, "--wait-for-subscribers", 2)[0] == 0
    assert wait_for(lambda: len(listener.words) == 10)
    assert listener.words[0][1] == "30"
    assert listener.sites == ["here"]


def test_a_loop_starts_again_and_the_clock_jumps_back(listener: Listener, tmp_path: Path) -> None:
    process = start(write_bag(tmp_path / "bag", count=10), "--loop", "--wait-for-subscribers", 2)
    try:
        assert wait_for(lambda: len(listener.words) > 25)
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert [word for _, word in listener.words][:21] == [str(i % 10) for i in range(21)]
    stamps = [now for _, now in listener.clock_ns]
    assert any(after < before for before, after in zip(stamps, stamps[1:], strict=False))


def test_pause_holds_messages_and_clock(listener: Listener, tmp_path: Path) -> None:
    process = start(write_bag(tmp_path / "bag"), "--pause", "--wait-for-subscribers", 2)
    try:
        assert wait_for(lambda: len(listener.clock_ns) > 50)
        assert listener.words == []
        assert {now for _, now in listener.clock_ns} == {START_NS}
        listener.call_pause(False)
        assert wait_for(lambda: listener.words)
        listener.call_pause(True)
        time.sleep(0.1)
        held = len(listener.words)
        time.sleep(0.3)
        assert 0 < held == len(listener.words) < 40
        listener.call_pause(False)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
    assert wait_for(lambda: len(listener.words) == 40)


@pytest.mark.parametrize("how", [["--remap"], ["--ros-args", "-r"]])
def test_topics_are_chosen_and_renamed(
    listener: Listener, tmp_path: Path, how: list[str]
) -> None:
    bag = write_bag(tmp_path / "bag", count=10)
    arguments = (bag, "--topics", "/site", "--wait-for-subscribers", 1, *how, "/site:=/words")
    code, errors = play(*arguments)
    assert code == 0, errors
    assert "1 messages" in errors
    assert wait_for(lambda: [word for _, word in listener.words] == ["here"])
    assert listener.sites == []


def test_faults_are_one_line(ros_domain: int, tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", count=3)
    broken = tmp_path / "broken.mcap"
    broken.write_bytes(b"\x89MCAP0\r\nrubbish")
    cases = {
        (tmp_path / "none",): "none: expected a readable ROS 2 bag (sqlite3 or mcap), got",
        (broken,): "broken.mcap: expected a readable ROS 2 bag",
        (bag, "--start", 9): "--start: expected less than the bag's 0.040 s, got 9.0",
        (bag, "--rate", 0): "rate: expected 0.01 to 100, got 0.0",
        (bag, "--topics", "/word"): "--topics: expected a topic of the bag, such as /words, got",
        (bag, "--remap", "words:=/a"): "--remap: expected /from:=/to, got words:=/a",
        (bag, "--topics", "/odd"): "expected messages to play, got none",
        (bag, "--wait-for-subscribers", 3, "--wait-timeout", 0.2): "expected 3 matched",
    }
    for arguments, wanted in cases.items():
        code, errors = play(*arguments)
        assert (code, errors.count("Traceback")) == (1, 0), errors
        assert wanted in errors.splitlines()[-1]


def test_no_first_message_is_lost(listener: Listener, tmp_path: Path) -> None:
    """The whole run is repeated: discovery is a race, and one win proves little."""
    bag = write_bag(tmp_path / "bag", count=2)
    for turn in range(1, 4):
        assert play(bag, "--wait-for-subscribers", 2)[0] == 0
        assert wait_for(lambda turn=turn: len(listener.words) == 2 * turn)
    assert os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
