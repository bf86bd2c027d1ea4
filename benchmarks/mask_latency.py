"""How soon after an image its mask is there, and how good it is by then: the node in its process.

Frames of a traversal of a world (forth and back for as long as `--seconds`) are published as raw
images at `--rate`, and masks received, by this process over DDS; `dynamic_segmenter` runs in its
own. The times are wall times of a machine on which nothing else should run.

    semloc world make gallery --crowd 3 --set query_rate=30 --set longest_run_s=8 \\
        --output frames --out out/crowd
    python benchmarks/mask_latency.py --frames out/crowd/frames/query --model NAME

The masks are judged by the pixels of what can move. Beside those of the node there is what the
network says of each image when it is given the time ("at leisure"), and the mask that the node
carried to the image, left where it was ("not carried"). Rows below are by the age of that mask.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from numpy.typing import NDArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from reporting import arguments, progress, report
from sensor_msgs.msg import Image

from semloc_ros.config import DynamicConfig
from semloc_ros.nodes import messages
from semloc_ros.nodes.status import LATCHED
from semloc_ros.perception.dynamic_masks import load_dynamic
from semloc_ros.perception.mask_shapes import finished
from semloc_ros.worlds import truth

Mask = NDArray[np.uint8]
COLUMNS = ("masks", "images", "F1", "precision", "recall")
_NODE = "dynamic_segmenter"
_RECENT = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
_STARTS_S, _WAIT_MS = 90.0, 30.0  # the wait is the localizer's mask_wait_ms
_AGES_S = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5)


@dataclass
class Heard:
    """By stamps in nanoseconds: when images were sent and masks came, and what they were."""

    sent_s: dict[int, float] = field(default_factory=dict)
    came_s: dict[int, float] = field(default_factory=dict)
    masks: dict[int, Mask] = field(default_factory=dict)
    statuses: dict[int, dict[str, str]] = field(default_factory=dict)

    def mask(self, message: Image) -> None:
        """A mask has come."""
        stamp, now = messages.stamp_ns(message.header.stamp), time.monotonic()
        self.came_s[stamp] = now
        self.masks[stamp] = messages.image_from(message)

    def status(self, message: DiagnosticStatus) -> None:
        """A status has come."""
        values = {pair.key: pair.value for pair in message.values}
        self.statuses[int(values.get("stamp", "0"))] = values


def main() -> None:
    """Play, listen, judge."""
    options = parsed()
    names = sorted((options.frames / "sensors" / "records_data" / options.camera).glob("*.jpg"))
    images = [cv2.cvtColor(cv2.imread(str(name)), cv2.COLOR_BGR2RGB) for name in names]
    stamps = {10**18 + k * 10**9 // options.rate: picture_of(k, len(images))
              for k in range(round(options.seconds * options.rate))}
    heard = played(options, images, stamps)
    true = [np.asarray(truth.read_motions(options.frames, f"{options.camera}/{one.name}") >= 128)
            for one in names]
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    rows = list(judged(options, heard, stamps, images, true))
    report(
        f"Masks of {options.model} at {options.rate} images per second", COLUMNS, rows,
        options.json, **times(options, heard), load=load, options=" ".join(options.set) or "none",
    )  # fmt: skip


def parsed() -> argparse.Namespace:
    """The words of the command."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--frames", type=Path, required=True, help="WORLD/frames/TRAVERSAL")
    parser.add_argument("--camera", default="camera")
    parser.add_argument("--model", required=True)
    parser.add_argument("--rate", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME:=VALUE", help="of the node")
    return parser.parse_args()


def picture_of(k: int, count: int) -> int:
    """Forth and back, so that nothing jumps."""
    turn = k % max(2 * count - 2, 1)
    return min(turn, 2 * count - 2 - turn)


def played(options: argparse.Namespace, images: list[Any], stamps: dict[int, int]) -> Heard:
    """What came of the images while the node ran; the first second is left out."""
    words = [word for one in [f"model:={options.model}", *options.set] for word in ("-p", one)]
    command = [sys.executable, "-m", f"semloc_ros.nodes.{_NODE}", "--ros-args", *words]
    node = subprocess.Popen(command)
    rclpy.init()
    robot, heard = rclpy.create_node("camera"), Heard()
    robot.create_subscription(Image, f"/{_NODE}/mask", heard.mask, _RECENT)
    robot.create_subscription(DiagnosticStatus, f"/{_NODE}/status", heard.status, LATCHED)
    camera = robot.create_publisher(Image, "image", _RECENT)
    executor = SingleThreadedExecutor()
    executor.add_node(robot)
    threading.Thread(target=executor.spin, daemon=True).start()
    try:
        wait_for_the_first(camera, images[0], heard)
        publish(camera, images, stamps, heard, options.rate)
    finally:
        executor.shutdown()
        node.terminate()
        node.wait()
        rclpy.shutdown()
    return heard


def wait_for_the_first(camera: Any, image: Any, heard: Heard) -> None:
    """Send an image again and again until a mask comes; without one the program ends."""
    deadline, stamp = time.monotonic() + _STARTS_S, 10**18 - 10**12
    while not heard.masks:
        if time.monotonic() > deadline:
            sys.exit(f"no mask within {_STARTS_S:g} s: {list(heard.statuses.values())[-1:]}")
        stamp += 10**8
        camera.publish(messages.to_image(image, messages.header("camera", stamp)))
        time.sleep(0.1)


def publish(
    camera: Any, images: list[Any], stamps: dict[int, int], heard: Heard, rate: int
) -> None:
    """At even times; the messages are made before."""
    made = [messages.to_image(image, messages.header("camera", 0)) for image in images]
    began = time.monotonic()
    for number, (stamp, k) in enumerate(stamps.items()):
        time.sleep(max(began + number / rate - time.monotonic(), 0.0))
        made[k].header.stamp = messages.to_stamp(stamp)
        heard.sent_s[stamp] = time.monotonic()
        camera.publish(made[k])
    time.sleep(1.0)


def times(options: argparse.Namespace, heard: Heard) -> dict[str, str]:
    """From the image's publishing to the mask's arrival, and what the node says itself."""
    sent = list(heard.sent_s)[options.rate :]
    delays = [(heard.came_s[one] - heard.sent_s[one]) * 1e3 for one in sent if one in heard.came_s]
    soon = sum(delay <= _WAIT_MS for delay in delays)
    said = [heard.statuses[one] for one in sent if one in heard.statuses]
    return {
        "image published to mask received, ms": spread(delays),
        "of the node, ms": spread([float(one.get("latency_ms") or "nan") for one in said]),
        "of the network, ms": spread([float(one.get("network_ms") or "nan") for one in said]),
        "age of the network's mask, s": spread([float(one.get("age_s") or "nan") for one in said]),
        f"images with their mask within {_WAIT_MS:g} ms": f"{soon} of {len(sent)}",
        "images without": f"{len(sent) - len(delays)}, {len(sent) - len(said)} without a status",
    }


def spread(values: list[float]) -> str:
    """Percentiles of what is known."""
    known = np.array([one for one in values if np.isfinite(one)] or [np.nan])
    middle, most = np.percentile(known, [50, 95])
    return f"p50 {middle:.3g}, p95 {most:.3g}, most {known.max():.3g}"


def judged(
    options: argparse.Namespace, heard: Heard, stamps: dict[int, int], images: list[Any],
    true: list[Any],
) -> Iterator[tuple[Any, ...]]:
    """Rows of the table."""
    ages = {stamp: float(heard.statuses[stamp]["age_s"]) for stamp in list(stamps)[options.rate :]
            if stamp in heard.masks and heard.statuses.get(stamp, {}).get("age_s")}
    every = list(stamps)
    source = {stamp: stamps[every[max(every.index(stamp) - round(age * options.rate), 0)]]
              for stamp, age in ages.items()}
    leisure = at_leisure(options, images, sorted({*source.values()} | {stamps[s] for s in ages}))
    for low, high in [(0.0, 1e9), *zip(_AGES_S, _AGES_S[1:], strict=False)]:
        chosen = [stamp for stamp, age in ages.items() if low <= age < high]
        if not chosen:
            continue
        about = "all" if high == 1e9 else f"{low:g} to {high:g} s"
        truths = [true[stamps[stamp]] for stamp in chosen]
        yield f"{about}: as published", *scores([heard.masks[one] for one in chosen], truths)
        yield f"{about}: not carried", *scores([leisure[source[one]] for one in chosen], truths)
        yield f"{about}: at leisure", *scores([leisure[stamps[one]] for one in chosen], truths)


def at_leisure(
    options: argparse.Namespace, images: list[Any], wanted: list[int]
) -> dict[int, Mask]:
    """By image, the finished mask that the network has for it."""
    config = DynamicConfig(threads=1)
    segmenter = load_dynamic(options.model, config)
    with progress() as bar:
        return {one: finished(segmenter.segment(images[one]), config).mask
                for one in bar.track(wanted, description="at leisure")}


def scores(masks: list[Any], truths: list[Any]) -> tuple[int, float, float, float]:
    """Images; F1, precision and recall of all their pixels together."""
    hits = sum(int(((mask > 0) & true).sum()) for mask, true in zip(masks, truths, strict=True))
    said = sum(int((mask > 0).sum()) for mask in masks)
    there = sum(int(true.sum()) for true in truths)
    return len(masks), 2 * hits / max(said + there, 1), hits / max(said, 1), hits / max(there, 1)


if __name__ == "__main__":
    main()
