"""`replay`: plays a ROS 2 bag onto topics with /clock, where `ros2 bag play` is not installed.

Messages go out as they were recorded, byte by byte, at their time of recording. /clock runs on
its own thread from the same bag time; it stands while paused and jumps back when the bag loops.
Services: `~/pause` (std_srvs/SetBool). Space pauses and resumes when run in a terminal.
"""

from __future__ import annotations

import argparse
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rclpy
from builtin_interfaces.msg import Time
from rclpy.duration import Duration
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rosgraph_msgs.msg import Clock
from std_srvs.srv import SetBool

from semloc_ros.config import ReplayConfig
from semloc_ros.errors import ConfigError, DatasetError, EnvironmentFault, SemlocError, expected
from semloc_ros.nodes.bag_tracks import Track, opened, raw_messages, tracks_of
from semloc_ros.nodes.keyboard import space_pressed
from semloc_ros.nodes.pacing import Pacer
from semloc_ros.nodes.subscribers import parse_wanted, wait_for_topics
from semloc_ros.options import describe, from_mapping, help_line

_AHEAD = 100  # messages read before they are due
_FLUSH = Duration(seconds=2)
_CLOCK_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)

Message = tuple[str, int, bytes]


class Player:
    """Publishes the messages of a bag at their time, and /clock beside them."""

    def __init__(
        self, node: Node, tracks: Sequence[Track], config: ReplayConfig, pacer: Pacer
    ) -> None:
        self._node = node
        self._config = config
        self._pacer = pacer
        self._publishers = {
            track.topic: node.create_publisher(track.message_type, track.topic, track.qos)
            for track in tracks
        }
        self._clock = threading.Thread(target=self._publish_clock, daemon=True)
        self.played = 0
        self.worst_lateness_s = 0.0

    def start_clock(self) -> None:
        """Publish /clock from now on, even while bag time stands."""
        if self._config.clock_rate_hz > 0:
            self._clock.start()

    def wait_for_subscribers(self) -> None:
        """Wait until all subscriptions are matched that the configuration asks for."""
        try:
            self._wait_for_topics()
            self._wait_for_count()
        except EnvironmentFault as error:
            if not self._config.play_unheard:
                raise
            print(f"replay: warning: {error}; playing on", file=sys.stderr)

    def _wait_for_topics(self) -> None:
        named = {one.topic_name: one for one in self._publishers.values()}  # as remapped
        wait_for_topics(named, parse_wanted(self._config.wait_for), self._config.wait_timeout)

    def _wait_for_count(self) -> None:
        deadline = time.monotonic() + self._config.wait_timeout
        while (matched := self.matched_subscriptions()) < self._config.wait_for_subscribers:
            if time.monotonic() > deadline:
                wanted = f"{self._config.wait_for_subscribers} matched subscriptions"
                waited = f"{matched} after {self._config.wait_timeout:g} s"
                raise EnvironmentFault(expected("replay", wanted, waited))
            time.sleep(0.02)

    def matched_subscriptions(self) -> int:
        """How many subscriptions the topics of the bag have, all together."""
        return sum(one.get_subscription_count() for one in self._publishers.values())

    def publish(self, topic: str, data: bytes) -> None:
        """Send one serialized message."""
        self._publishers[topic].publish(data)
        self.played += 1

    def play(self, messages: Iterable[Message]) -> bool:
        """Send each message when it is due; False when stopped before the last."""
        for topic, stamp_ns, data in messages:
            if not self._pacer.wait_until(stamp_ns):
                return False
            self.worst_lateness_s = max(self.worst_lateness_s, self._pacer.lateness_s(stamp_ns))
            self.publish(topic, data)
        return True

    def flush(self) -> None:
        """Wait until reliable subscribers have acknowledged everything."""
        for publisher in self._publishers.values():
            publisher.wait_for_all_acked(_FLUSH)

    def close(self) -> None:
        """Stop bag time and /clock for good."""
        self._pacer.stop()
        if self._clock.is_alive():
            self._clock.join()

    def _publish_clock(self) -> None:
        publisher = self._node.create_publisher(Clock, "/clock", _CLOCK_QOS)
        period_s = 1.0 / self._config.clock_rate_hz
        due = time.monotonic()
        while not self._pacer.stopped:
            now_ns = self._pacer.now_ns()
            publisher.publish(Clock(clock=Time(sec=now_ns // 10**9, nanosec=now_ns % 10**9)))
            due = max(due + period_s, time.monotonic() - period_s)
            time.sleep(max(due - time.monotonic(), 0.0))


def main(argv: Sequence[str] | None = None) -> int:
    """Play a bag; returns the exit code."""
    own, for_ros = _split(list(sys.argv[1:] if argv is None else argv))
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _run(_parse(own), for_ros)
    except SemlocError as error:
        print(f"replay: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        return 130


def _run(parsed: argparse.Namespace, for_ros: list[str]) -> int:
    config = _config(parsed)
    rules = [word for rule in parsed.remap for word in ("-r", _checked_rule(rule))]
    with opened(parsed.bag) as reader, _ros_node([*for_ros, "--ros-args", *rules]) as node:
        excluded = ["/clock"] if config.clock_rate_hz > 0 else []
        tracks, skipped = tracks_of(reader, parsed.topics, excluded)
        for line in skipped:
            print(f"replay: warning: {line}", file=sys.stderr)
        if not any(track.count for track in tracks):
            raise DatasetError(expected(str(parsed.bag), "messages to play", "none"))
        _play_bag(node, reader, tracks, config)
    return 0


def _play_bag(node: Node, reader: Any, tracks: list[Track], config: ReplayConfig) -> None:
    first_ns = reader.start_time + round(config.start * 1e9)
    if first_ns >= reader.end_time:
        length = (reader.end_time - reader.start_time) * 1e-9
        raise ConfigError(expected("--start", f"less than the bag's {length:.3f} s", config.start))
    pacer = Pacer(config.rate, first_ns, config.pause)
    player = Player(node, tracks, config, pacer)
    _offer_pause(node, pacer)
    began = time.monotonic()
    try:
        with space_pressed(lambda: pacer.pause(not pacer.paused)):
            player.start_clock()
            player.wait_for_subscribers()
            _play_passes(player, pacer, reader, tracks, first_ns, config.loop)
        player.flush()
    finally:
        player.close()
    _say_how_it_went(player, time.monotonic() - began)


def _play_passes(
    player: Player, pacer: Pacer, reader: Any, tracks: list[Track], first_ns: int, loop: bool
) -> None:
    topics = [track.topic for track in tracks]
    latched = [track.topic for track in tracks if track.latched]
    with _progress(reader.end_time - first_ns) as advance:
        while True:
            for topic, _, data in raw_messages(reader, latched, None, first_ns):
                player.publish(topic, data)  # what a subscriber at this time would have got
            messages = _read_ahead(raw_messages(reader, topics, first_ns))
            pacer.start(first_ns)
            advancing = _tap(messages, lambda stamp_ns: advance(stamp_ns - first_ns))
            if not player.play(advancing) or not loop:
                return


def _read_ahead(messages: Iterator[Message]) -> Iterator[Message]:
    """The same messages, read by a thread of its own so that the disk delays none."""
    ready: queue.Queue[Message | Exception | None] = queue.Queue(_AHEAD)
    done = threading.Event()

    def offer(item: Message | Exception | None) -> None:
        while not done.is_set():
            try:
                return ready.put(item, timeout=0.1)
            except queue.Full:
                continue

    def read() -> None:
        try:
            for message in messages:
                offer(message)
                if done.is_set():
                    return
            offer(None)
        except Exception as error:  # raised again where the messages are used
            offer(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        done.set()
        reader.join()


def _tap(messages: Iterator[Message], see: Any) -> Iterator[Message]:
    for message in messages:
        yield message
        see(message[1])


@contextmanager
def _ros_node(for_ros: list[str]) -> Iterator[Node]:
    """The node, its services answered by a thread."""
    rclpy.init(args=for_ros, signal_handler_options=SignalHandlerOptions.NO)
    node = Node("replay")
    spinning = threading.Thread(target=_spin, args=(node,), daemon=True)
    spinning.start()
    try:
        yield node
    finally:
        rclpy.shutdown()
        spinning.join(timeout=2.0)
        node.destroy_node()


def _spin(node: Node) -> None:
    try:
        rclpy.spin(node)
    except ExternalShutdownException:
        return


def _offer_pause(node: Node, pacer: Pacer) -> None:
    def answer(request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        pacer.pause(request.data)
        response.success = True
        response.message = "paused" if request.data else "playing"
        return response

    node.create_service(SetBool, "~/pause", answer)


@contextmanager
def _progress(length_ns: int) -> Iterator[Any]:
    """A bar of bag seconds on a terminal's stderr; nothing elsewhere."""
    console = Console(stderr=True)
    columns = (
        TextColumn("replay"), BarColumn(), TextColumn("{task.completed:.1f}/{task.total:.1f} s"),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        task = bars.add_task("replay", total=length_ns * 1e-9)
        yield lambda done_ns: bars.update(task, completed=done_ns * 1e-9)


def _say_how_it_went(player: Player, seconds: float) -> None:
    worst_ms = player.worst_lateness_s * 1e3
    print(
        f"replay: {player.played} messages in {seconds:.1f} s, the latest {worst_ms:.1f} ms late",
        file=sys.stderr,
    )


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="replay", description="Play a ROS 2 bag with /clock.")
    parser.add_argument("bag", type=Path, help="folder of a bag, or a lone .mcap or .db3 file")
    parser.add_argument("--topics", nargs="+", default=[], metavar="TOPIC", help="only these")
    parser.add_argument(
        "--remap", nargs="+", default=[], metavar="FROM:=TO", help="publish under other names"
    )
    for one in describe(ReplayConfig):
        flag = "--" + one.name.replace("_", "-")
        about = {"default": one.default, "help": f"{help_line(one)} (default: {one.default})"}
        if one.kind is bool:
            parser.add_argument(flag, action="store_true", **about)
        else:
            parser.add_argument(flag, type=one.kind, **about)
    return parser.parse_args(arguments)


def _config(parsed: argparse.Namespace) -> ReplayConfig:
    values = {one.name: getattr(parsed, one.name) for one in describe(ReplayConfig)}
    return from_mapping(ReplayConfig, values)


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Our arguments and those of ROS, which stand behind --ros-args.

    rclpy's own splitting would take the rules of --remap out of our arguments.
    """
    if "--ros-args" not in arguments:
        return arguments, []
    at = arguments.index("--ros-args")
    return arguments[:at], arguments[at:]


def _checked_rule(rule: str) -> str:
    old, _, new = rule.partition(":=")
    if not (old.startswith("/") and new.startswith("/")):
        raise ConfigError(expected("--remap", "/from:=/to", rule))
    return rule


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
