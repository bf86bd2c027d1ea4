"""A folder of predictions: what a localizer said, and what it is judged against.

    predictions.jsonl   what was published, one message a line, in the order of arrival
    frames.txt          the stamp in nanoseconds of EVERY query image, one a line
    truth.tum           the true poses of the robot base in the map
    odom.tum            the robot's odometry, if it has any: poses of the base in the odom frame
    companions/         a bag of what nodes sent beside the images, if it was recorded

A line of predictions.jsonl has `kind` ("frame": an image was seen on the wire, "pose",
"status", "tf"), `stamp_ns` (of the image or transform) and `received_ns` (arrival, a steady
clock of the machine). A pose has also `position` (3), `quaternion_xyzw` (4) of map_from_base and
`covariance` (36, row by row); a status has `state`, `reason` and `values`; a tf has `parent`,
`child` and, as a pose has them, `position` and `quaternion_xyzw` of parent_from_child.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets.tum import read_tum, write_tum
from semloc_ros.errors import DatasetError, SemlocError, expected
from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray, State

PREDICTIONS, FRAMES, TRUTH, ODOMETRY = "predictions.jsonl", "frames.txt", "truth.tum", "odom.tum"
COMPANIONS = "companions"
ABLATION = "ablation.json"  # of folders of several variants, see `ablation`
_STATES = tuple(state.value for state in State)
_LARGEST = 2**62  # of a stamp: differences of two of them are integers of 64 bits, too


@dataclass(frozen=True, slots=True)
class Poses:
    """Published poses in the order of arrival: `stamps_ns` and `received_ns` (N,),
    `map_from_base` (N, 4, 4), `covariances` (N, 6, 6)."""

    stamps_ns: NDArray[np.int64]
    received_ns: NDArray[np.int64]
    map_from_base: FloatArray
    covariances: FloatArray

    def __len__(self) -> int:
        return len(self.stamps_ns)


@dataclass(frozen=True, slots=True)
class Status:
    """One published status: the state of the localizer after the image of that stamp."""

    stamp_ns: int
    received_ns: int
    state: State
    reason: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Truth:
    """True poses `map_from_base` (T, 4, 4) at ascending stamps (T,)."""

    stamps_ns: NDArray[np.int64]
    map_from_base: FloatArray


@dataclass(frozen=True, slots=True)
class Transforms:
    """map→odom in the order of arrival: `stamps_ns`, `received_ns` (M,), `map_from_odom`
    (M, 4, 4)."""

    stamps_ns: NDArray[np.int64]
    received_ns: NDArray[np.int64]
    map_from_odom: FloatArray


@dataclass(frozen=True, slots=True)
class Drive:
    """Odometry `odom_from_base` (T, 4, 4) at ascending stamps (T,)."""

    stamps_ns: NDArray[np.int64]
    odom_from_base: FloatArray


@dataclass(frozen=True, slots=True)
class Run:
    """Everything in a folder of predictions.

    `frames_ns` (F,) stamps of all query images, ascending and unique; `seen_ns` maps the stamp
    of an image to its arrival; `odometry` is None where none was put beside the predictions.
    """

    frames_ns: NDArray[np.int64]
    truth: Truth
    poses: Poses
    statuses: tuple[Status, ...]
    seen_ns: Mapping[int, int]
    transforms: Transforms
    odometry: Drive | None


def write_reference(
    folder: Path, frames_ns: NDArray[np.int64], truth: Truth, odometry: Drive | None = None
) -> None:
    """Put beside the predictions what they are judged against."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{stamp}\n" for stamp in frames_ns)
    (folder / FRAMES).write_text(lines)
    write_tum(folder / TRUTH, truth.stamps_ns, truth.map_from_base)
    (folder / ODOMETRY).unlink(missing_ok=True)  # of an earlier drive
    if odometry is not None:
        write_tum(folder / ODOMETRY, odometry.stamps_ns, odometry.odom_from_base)


def load_run(folder: Path, map_frame: str = "map", odom_frame: str = "odom") -> Run:
    """Read a folder of predictions; of its transforms those of `odom_frame` in `map_frame`.

    Raises DatasetError naming the file and line that is missing or wrong.
    """
    frames = _read_frames(folder / FRAMES)
    truth = Truth(*read_tum(folder / TRUTH))
    driven = folder / ODOMETRY
    records: dict[str, list[dict[str, Any]]] = {"frame": [], "pose": [], "status": [], "tf": []}
    for place, record in _records(folder / PREDICTIONS):
        kind = str(record.get("kind"))
        if kind not in records:
            raise DatasetError(expected(f"{place}: kind", " or ".join(records), kind))
        records[kind].append(record | {"place": place})
    return Run(
        frames_ns=frames,
        truth=truth,
        poses=_poses(records["pose"]),
        statuses=tuple(_status(record) for record in records["status"]),
        seen_ns={_stamp(record): _arrival(record) for record in reversed(records["frame"])},
        transforms=_transforms(
            [one for one in records["tf"] if _edge(one) == (map_frame, odom_frame)]
        ),
        odometry=Drive(*read_tum(driven)) if driven.exists() else None,
    )


def _read_frames(path: Path) -> NDArray[np.int64]:
    try:
        stamps = [int(line) for line in path.read_text().split()]
    except (OSError, ValueError) as error:
        raise DatasetError(expected(str(path), "one stamp in nanoseconds a line", error)) from None
    if any(abs(stamp) > _LARGEST for stamp in stamps):
        raise DatasetError(expected(str(path), "integers of 64 bits", max(stamps, key=abs)))
    if not stamps:
        raise DatasetError(expected(str(path), "at least one query image", "none"))
    return np.unique(_integers(stamps))


def _records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(expected(str(path), "a readable file", error)) from None
    for number, line in enumerate(lines, start=1):
        place = f"{path}:{number}"
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise DatasetError(expected(place, "one JSON object", error)) from None
        if not isinstance(record, dict):
            raise DatasetError(expected(place, "one JSON object", repr(line)))
        yield place, record


def _transforms(records: list[dict[str, Any]]) -> Transforms:
    return Transforms(
        stamps_ns=_integers([_stamp(record) for record in records]),
        received_ns=_integers([_arrival(record) for record in records]),
        map_from_odom=_matrices(records),
    )


def _edge(record: dict[str, Any]) -> tuple[str, str]:
    """Parent and child of a transform, without the slash that old nodes put first."""
    names = (record.get("parent"), record.get("child"))
    for key, name in zip(("parent", "child"), names, strict=True):
        if not isinstance(name, str):
            raise DatasetError(expected(f"{record['place']}: {key}", "the name of a frame", name))
    return str(names[0]).lstrip("/"), str(names[1]).lstrip("/")


def _poses(records: list[dict[str, Any]]) -> Poses:
    covariances = [_numbers(record, "covariance", 36) for record in records]
    return Poses(
        stamps_ns=_integers([_stamp(record) for record in records]),
        received_ns=_integers([_arrival(record) for record in records]),
        map_from_base=_matrices(records),
        covariances=np.array(covariances).reshape(-1, 6, 6),
    )


def _matrices(records: list[dict[str, Any]]) -> FloatArray:
    matrices = np.zeros((len(records), 4, 4))
    for row, record in enumerate(records):
        position = _numbers(record, "position", 3)
        quaternion = _numbers(record, "quaternion_xyzw", 4)
        try:
            matrices[row] = se3.from_quaternion_xyzw(position, quaternion)
        except SemlocError as error:
            raise DatasetError(f"{record['place']}: {error}") from None
    return matrices


def _status(record: dict[str, Any]) -> Status:
    state = record.get("state")
    if state not in _STATES:
        raise DatasetError(expected(f"{record['place']}: state", " or ".join(_STATES), state))
    given = record.get("values", {})
    if not isinstance(given, dict):
        raise DatasetError(expected(f"{record['place']}: values", "an object", repr(given)))
    values = {str(key): str(value) for key, value in given.items()}
    for key, text in values.items():
        if key.endswith("_ms") and text and not _is_number(text):
            raise DatasetError(expected(f"{record['place']}: {key}", "a number", repr(text)))
    reason = str(record.get("reason", ""))
    return Status(_stamp(record), _arrival(record), State(state), reason, values)


def _stamp(record: dict[str, Any]) -> int:
    return _integer(record, "stamp_ns")


def _arrival(record: dict[str, Any]) -> int:
    return _integer(record, "received_ns")


def _integer(record: dict[str, Any], key: str) -> int:
    value = record.get(key)
    if type(value) is not int or abs(value) > _LARGEST:
        raise DatasetError(expected(f"{record['place']}: {key}", "an integer of 64 bits", value))
    return value


def _numbers(record: dict[str, Any], key: str, count: int) -> list[float]:
    values = record.get(key)
    name = f"{record['place']}: {key}"
    if not isinstance(values, list) or len(values) != count:
        raise DatasetError(expected(name, f"{count} numbers", values))
    if not all(isinstance(value, int | float) for value in values):
        raise DatasetError(expected(name, f"{count} numbers", values))
    return [float(value) for value in values]


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _integers(values: list[int]) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)
