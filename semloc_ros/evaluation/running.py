"""From a bag and a map to a folder of predictions: everything that `semloc evaluate` runs.

    predictions.jsonl, frames.txt, truth.tum, odom.tum     see `predictions`
    poses.tum        the published poses, for others' tools
    config.yaml      every parameter that the run had
    run.json         bag, map, faults, processor time and memory
    thumbnails/      a small overlay of each image, by its stamp
    evidence/        mask, matches and particles of each image, if wanted; see `evidence`
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import EvaluateConfig
from semloc_ros.datasets.bag_images import IMAGE_TYPES
from semloc_ros.datasets.bag_reader import messages, stamp_of, topics
from semloc_ros.datasets.bags import poses, static_transform
from semloc_ros.datasets.tum import read_tum, seconds_text
from semloc_ros.errors import DatasetError, expected
from semloc_ros.evaluation.events import bag_events, image_topic_of
from semloc_ros.evaluation.faults import FaultLine, parse_faults
from semloc_ros.evaluation.predictions import ABLATION, PREDICTIONS, Drive, Truth, write_reference
from semloc_ros.evaluation.recording import PredictionLog
from semloc_ros.evaluation.replay import Replay
from semloc_ros.evaluation.sources import Job, sources_of
from semloc_ros.evaluation.stream import Event
from semloc_ros.localization.serving import FrameLocalizer
from semloc_ros.options import to_mapping
from semloc_ros.types import Camera, FloatArray

RUN, CONFIG = "run.json", "config.yaml"
_POSE_TYPES = (
    "geometry_msgs/msg/PoseStamped",
    "geometry_msgs/msg/PoseWithCovarianceStamped",
    "nav_msgs/msg/Odometry",
)


def predict(job: Job, localizer: FrameLocalizer, config: EvaluateConfig, folder: Path) -> None:
    """Replay the bag of a job to the localizer and write the folder of predictions.

    OpenCV, faiss and numba compute in one thread from then on, as sums in several differ.
    Raises DatasetError or ConfigError (faults) in one line before anything long begins.
    """
    faults = parse_faults(job.faults)
    _compute_in_one_thread()
    frames, truth = _write_reference(job, config, folder)
    sources = sources_of(job, config, truth)
    sources.check(frames.tolist())
    config = sources.config
    line = FaultLine(faults, config.seed)
    mounts: dict[str, FloatArray] = {}
    cameras: dict[str, Camera] = {}

    def mount(frame: str) -> FloatArray:
        if frame not in mounts:
            mounts[frame] = static_transform(job.bag, config.base_frame, frame)
        return mounts[frame]

    began, used = time.perf_counter(), time.process_time()
    with PredictionLog(folder, config.thumbnail_width, config.evidence) as log:
        events = sources.beside(_noting(bag_events(job.bag, config), cameras), line, mount)
        Replay(localizer, config, mount, log).run(events)
    about = {
        "bag": job.bag.name,
        "truth": job.truth,
        "map": Path(config.map).name,
        "map_frame": config.map_frame,
        "odom_frame": config.odom_frame,
        "beside": [bag.name for bag in job.beside],
        "masks": job.masks,
        "labels": job.labels,
        "places": job.places,
        "objects": job.objects,
        "faults": list(job.faults),
        "idle_faults": line.idle,
        "frames_in_map": len(job.mapped_ns & set(frames.tolist())),
        "kidnaps_ns": line.kidnaps_ns,
        "mounts": {frame: pose.ravel().tolist() for frame, pose in mounts.items()},
        "cameras": _described(cameras, config.thumbnail_width),
        "cpu_s": time.process_time() - used,
        "wall_s": time.perf_counter() - began,
        "peak_memory_mb": _peak_memory_mb(),
    }
    (folder / RUN).write_text(json.dumps(about, indent=2) + "\n")
    _write_config(config, folder / CONFIG)


def read_about(folder: Path) -> dict[str, Any]:
    """run.json of a folder; empty where there is none, as behind a recorder node."""
    path = folder / RUN
    if not path.exists():
        return {}
    try:
        about = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DatasetError(expected(str(path), "readable JSON", error)) from None
    if not isinstance(about, dict):
        raise DatasetError(expected(str(path), "a JSON object", type(about).__name__))
    _check_about(path, about)
    return about


def _check_about(path: Path, about: dict[str, Any]) -> None:
    """What is counted with must be numbers, and what is named must be words."""
    for key in ("kidnaps_ns", "faults", "idle_faults"):
        kind = int if key == "kidnaps_ns" else str
        values = about.get(key, [])
        if not isinstance(values, list) or not all(isinstance(one, kind) for one in values):
            raise DatasetError(expected(f"{path}: {key}", f"a list of {kind.__name__}", values))
    for key in ("frames_in_map", "cpu_s", "wall_s", "peak_memory_mb"):
        if not isinstance(about.get(key, 0), int | float):
            raise DatasetError(expected(f"{path}: {key}", "a number", repr(about[key])))


def run_folders(folder: Path) -> dict[str, Path]:
    """By condition the folders of predictions in a folder, or that folder itself; of the folder
    that --out named, those in its predictions/."""
    if (folder / PREDICTIONS).exists():
        return {folder.resolve().name: folder}
    if (folder / "predictions").is_dir():
        return run_folders(folder / "predictions")
    found = {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{PREDICTIONS}"))}
    if not found:
        raise DatasetError(expected(str(folder), "predictions.jsonl, or folders with one", "none"))
    return found


def forget_runs(folder: Path) -> None:
    """Delete the predictions of earlier runs in a folder, so that none is judged with these."""
    for pattern in (f"*/{PREDICTIONS}", f"*/*/{PREDICTIONS}", ABLATION):
        for path in folder.glob(pattern):
            path.unlink()


def _write_reference(
    job: Job, config: EvaluateConfig, folder: Path
) -> tuple[NDArray[np.int64], Truth]:
    """Write what the predictions are judged against; stamps of all images, and the truth."""
    topic = image_topic_of(job.bag, config.topics.image)
    frames = np.array(list(_stamps(job.bag, topic)), dtype=np.int64)
    if not len(frames):
        raise DatasetError(expected(f"{job.bag} {topic}", "images", "no messages"))
    driven = None
    if config.odometry != "none":
        source = config.topics.odom if config.odometry == "topic" else "/tf"
        driven = Drive(
            *poses(job.bag, source, base_frame=config.base_frame, map_frame=config.odom_frame)
        )
    truth = _truth(job, config)
    _check_overlap(job, frames, truth)
    try:
        write_reference(folder, frames, truth, driven)
    except OSError as error:
        wanted = "a folder that can be written"
        raise DatasetError(expected(str(folder), wanted, error)) from None
    return frames, truth


def _check_overlap(job: Job, frames_ns: NDArray[np.int64], truth: Truth) -> None:
    """A truth of another time judges nothing, and nothing judged looks like nothing wrong."""
    first, last = truth.stamps_ns[0], truth.stamps_ns[-1]
    if not np.any((first <= frames_ns) & (frames_ns <= last)):
        spans = [
            f"{seconds_text(int(stamps.min()))} to {seconds_text(int(stamps.max()))} s"
            for stamps in (frames_ns, truth.stamps_ns)
        ]
        wanted = f"a truth at the time of the images, {spans[0]}"
        raise DatasetError(expected(f"{job.bag} {job.truth}", wanted, spans[1]))


def _stamps(bag: Path, topic: str) -> Iterator[int]:
    for _, message in messages(bag, topic, IMAGE_TYPES):
        yield stamp_of(message.header)


def _truth(job: Job, config: EvaluateConfig) -> Truth:
    kind = topics(job.bag).get(job.truth)
    if kind is None and Path(job.truth).is_file():
        return Truth(*read_tum(Path(job.truth)))
    if kind in _POSE_TYPES:
        _check_truth_frames(job, config)
    return Truth(
        *poses(job.bag, job.truth, base_frame=config.base_frame, map_frame=config.map_frame)
    )


def _check_truth_frames(job: Job, config: EvaluateConfig) -> None:
    """Poses of another frame, or in one, would be a wrong truth without a word."""
    for _, message in messages(job.bag, job.truth, _POSE_TYPES):
        given = str(message.header.frame_id).lstrip("/")
        child = str(getattr(message, "child_frame_id", "")).lstrip("/")
        if given not in ("", config.map_frame) or child not in ("", config.base_frame):
            wanted = f"poses of {config.base_frame} in {config.map_frame}"
            got = f"{child or 'poses'} in {given or 'no frame'}"
            raise DatasetError(expected(f"{job.bag} {job.truth}", wanted, got))


def _write_config(config: EvaluateConfig, path: Path) -> None:
    import yaml

    path.write_text(yaml.safe_dump(to_mapping(config), sort_keys=False))


def _noting(events: Iterator[Event], cameras: dict[str, Camera]) -> Iterator[Event]:
    """The same events; the first camera of each frame is kept."""
    for event in events:
        if isinstance(event.value, Camera):
            cameras.setdefault(event.frame, event.value)
        yield event


def _described(cameras: dict[str, Camera], thumbnail_width: int) -> dict[str, dict[str, Any]]:
    return {
        frame: {**asdict(camera), "thumbnail_width": thumbnail_width}
        for frame, camera in cameras.items()
    }


def _compute_in_one_thread() -> None:
    import faiss
    import numba

    cv2.setNumThreads(1)
    faiss.omp_set_num_threads(1)
    numba.set_num_threads(1)


def _peak_memory_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
