"""How long a localizer that knows nothing takes to its first fix, with places and without.

It is switched on at several moments of each run, as on a robot: odometry, labels and all images
from then on, until it has a pose or `--seconds` have passed. A start without a fix counts as long.
A fix is right if it is within 0.5 m and 5 degrees of the truth.

    python benchmarks/first_fix.py --set classes out/map_classes out/labels --places POSE gradients

Places are as for `semloc evaluate`: models with which the map was described, or a pose network.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from reporting import label_sets, model_name, pose_error, progress, report
from street_seasons import CONDITIONS, percent

from semloc_ros.config import EvaluateConfig
from semloc_ros.datasets.bags import poses, static_transform
from semloc_ros.errors import DatasetError, expected
from semloc_ros.evaluation.association import poses_at
from semloc_ros.evaluation.events import bag_events
from semloc_ros.evaluation.label_sources import find_labels
from semloc_ros.evaluation.place_sources import PlaceSource, find_places
from semloc_ros.evaluation.predictions import Truth
from semloc_ros.evaluation.recording import PredictionLog
from semloc_ros.evaluation.replay import Replay
from semloc_ros.evaluation.stream import IMAGE, Event
from semloc_ros.localization.outcomes import Fix
from semloc_ros.localization.parts import make_localizer
from semloc_ros.maps.storage import load_map
from semloc_ros.options import from_mapping
from semloc_ros.types import FloatArray

COLUMNS = (
    "method", "condition", "places", "starts", "fixed %", "right %", "median s", "worst s",
    "each, s", "CPU ms of an image",
)  # fmt: skip
NONE = "none"
_TRUTH = "/ground_truth/pose"
_GAP_NS = 500_000_000
_RIGHT_M, _RIGHT_DEG = 0.5, 5.0


class FirstFix(PredictionLog):
    """Keeps the first pose that would be published."""

    found: tuple[int, FloatArray] | None = None

    def pose(self, stamp_ns: int, received_ns: int, fix: Fix) -> None:
        """See `PredictionLog`."""
        super().pose(stamp_ns, received_ns, fix)
        if self.found is None:
            self.found = stamp_ns, fix.map_from_base


@dataclass(frozen=True, slots=True)
class Start:
    """What became of one: seconds of the run to the fix, None without one, and whether it was
    right; processor seconds, and images."""

    seconds: float | None
    right: bool
    cpu_s: float
    images: int


@dataclass(frozen=True, slots=True)
class Drive:
    """A run with its labels, and what the localizer is told."""

    bag: Path
    events: list[Event]
    truth: Truth
    config: EvaluateConfig

    def mount(self, frame: str) -> FloatArray:
        """`base_from_camera` (4, 4) of a camera's frame."""
        return static_transform(self.bag, self.config.base_frame, frame)


def main() -> None:
    """One row for each method, condition and source of places."""
    options = parsed()
    rows: list[list[Any]] = []
    with progress() as bar:
        for _, folder, labels in options.set:
            semantic_map = load_map(Path(folder))
            for method in options.methods:
                for condition in options.conditions:
                    drive = read_drive(Path(folder), Path(labels), method, condition, options)
                    localizer = make_localizer(semantic_map, drive.config)
                    for source in bar.track(
                        [NONE, *options.places], description=f"{method}, {condition}"
                    ):
                        found = all_starts(drive, localizer, source, options)
                        rows.append([method, condition, *summary(source, found, options.seconds)])
    report("Street, time to the first fix", COLUMNS, rows, options.json, seconds=options.seconds)


def parsed() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = label_sets(__doc__ or "")
    parser.add_argument("--places", nargs="*", default=[], help="as of semloc evaluate")
    parser.add_argument("--methods", nargs="+", default=["auto"])
    parser.add_argument("--conditions", nargs="+", default=["winter", "night"], choices=CONDITIONS)
    parser.add_argument("--camera", default="camera_left")
    parser.add_argument("--starts", type=int, default=8, help="moments of each run")
    parser.add_argument("--seconds", type=float, default=10.0, help="longest wait for a fix")
    return parser.parse_args()


def read_drive(
    folder: Path, labels: Path, method: str, condition: str, options: argparse.Namespace
) -> Drive:
    """The run of a condition."""
    given = {
        "map": str(folder), "method": method, "thumbnail_width": 0,
        "topics.image": f"/{options.camera}/image_raw",
        "topics.camera_info": f"/{options.camera}/camera_info",
    }  # fmt: skip
    config = from_mapping(EvaluateConfig, given)
    bag = options.world / condition
    source = f"{labels}/{condition}@{options.world}/frames/{condition}"
    files = find_labels(source, bag, config.topics.image, config.labeller)
    if files is None:
        raise DatasetError(expected(source, "label maps", "a topic"))
    truth = Truth(*poses(bag, _TRUTH, base_frame=config.base_frame, map_frame=config.map_frame))
    return Drive(bag, list(files.beside(bag_events(bag, config))), truth, config)


def starts_of(drive: Drive, options: argparse.Namespace) -> Iterator[int]:
    """Moments that are evenly apart, with time for a fix behind the last."""
    times = [event.at_ns for event in drive.events if event.kind == IMAGE]
    last = times[-1] - round(options.seconds * 1e9)
    yield from np.linspace(times[0], max(last, times[0]), options.starts).astype(np.int64).tolist()


def all_starts(
    drive: Drive, localizer: Any, source: str, options: argparse.Namespace
) -> list[Start]:
    """Every start of a run with the places of a source."""
    places = None
    if source != NONE:
        places = find_places(source, True, drive.truth, drive.config)
    return [
        tried(drive, localizer, places, at_ns, options.seconds)
        for at_ns in starts_of(drive, options)
    ]


def tried(
    drive: Drive, localizer: Any, places: PlaceSource | None, at_ns: int, seconds: float
) -> Start:
    """Switch the localizer on at a moment."""
    events: Iterable[Event] = (event for event in drive.events if event.at_ns >= at_ns)
    if places is not None:
        events = places.beside(events, drive.mount)
    images, began, used = 0, 0, time.process_time()
    with tempfile.TemporaryDirectory() as folder, FirstFix(Path(folder)) as log:
        replay = Replay(localizer, drive.config, drive.mount, log)
        for event in events:
            if event.kind == IMAGE:
                began, images = began or event.origin_ns, images + 1
            if log.found is not None or (began and event.origin_ns - began > seconds * 1e9):
                break
            replay.feed(event)
        used = time.process_time() - used
        if log.found is None:
            return Start(None, False, used, images)
        stamp, pose = log.found
    truth = poses_at(np.array([stamp]), drive.truth.stamps_ns, drive.truth.map_from_base, _GAP_NS)
    metres, turned = pose_error(pose, truth[0])
    right = bool(metres <= _RIGHT_M and np.degrees(turned) <= _RIGHT_DEG)
    return Start(1e-9 * (stamp - began), right, used, images)


def summary(source: str, found: list[Start], seconds: float) -> list[Any]:
    """The rest of the row."""
    waits = np.array([seconds if one.seconds is None else one.seconds for one in found])
    each = " ".join(
        "-" if one.seconds is None else f"{one.seconds:.1f}{'' if one.right else '!'}"
        for one in found
    )
    fixed = np.array([one.seconds is not None for one in found])
    return [
        model_name(source), len(found), percent(fixed),
        percent(np.array([one.right for one in found])), float(np.median(waits)),
        float(waits.max()), each,
        1e3 * sum(one.cpu_s for one in found) / sum(one.images for one in found),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
