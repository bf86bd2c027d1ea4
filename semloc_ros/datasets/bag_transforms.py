"""The tf tree of a bag: where a frame is in another, over time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets.bag_reader import messages, stamp_of, topics
from semloc_ros.errors import DatasetError, expected
from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray

TF_TYPES = ("tf2_msgs/msg/TFMessage", "tf/msg/tfMessage")
Stamps = NDArray[np.int64]
_STATIC_TOPIC = "/tf_static"


@dataclass(frozen=True, slots=True)
class _Edge:
    """Poses `parent_from_child` (N, 4, 4) at rising stamps; a static one has N = 1."""

    parent: str
    child: str
    stamps_ns: Stamps
    poses: FloatArray
    static: bool


def static_transform(bag: Path, target: str, source: str) -> FloatArray:
    """`target_from_source` (4, 4) over /tf_static; DatasetError if the frames are not joined."""
    if target == source:
        return np.eye(4)
    edges = _edges(bag, (_STATIC_TOPIC,))
    pose = np.eye(4)
    for edge, forward in _chain(bag, edges, target, source):
        pose = pose @ (edge.poses[-1] if forward else se3.inverse(edge.poses[-1]))
    return pose


def transforms(
    bag: Path, target: str, source: str, max_gap_s: float
) -> tuple[Stamps, FloatArray]:
    """Stamps (N,) and poses `target_from_source` (N, 4, 4) over /tf and /tf_static.

    The stamps are those of the most frequent transform between the two frames; the others
    are interpolated there, but not in a gap longer than `max_gap_s` seconds. DatasetError if
    the frames are not joined, or never within that time.
    """
    chain = _chain(bag, _edges(bag, ("/tf", _STATIC_TOPIC)), target, source)
    moving = [edge for edge, _ in chain if not edge.static]
    if not moving:
        got = "only static transforms"
        raise DatasetError(expected(f"{bag} /tf", f"{target} to {source} over time", got))
    stamps = max((edge.stamps_ns for edge in moving), key=len)
    poses, good = np.broadcast_to(np.eye(4), (len(stamps), 4, 4)), np.ones(len(stamps), dtype=bool)
    for edge, forward in chain:
        step, known = _at(edge, stamps, max_gap_s)
        poses = poses @ (step if forward else se3.inverse(step))
        good &= known
    if not good.any():
        got = f"gaps longer than {max_gap_s} s in one of them"
        raise DatasetError(expected(f"{bag} /tf", f"{target} to {source} at one time", got))
    return stamps[good], poses[good]


def interpolate_poses(
    stamps_ns: Stamps, poses: FloatArray, at_ns: Stamps, max_gap_s: float = np.inf
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Poses (M, 4, 4) at the stamps (M,) between the poses (N, 4, 4) at rising stamps (N,).

    The second value (M,) says where there is one: inside the time covered, and not in a gap
    longer than `max_gap_s` seconds; elsewhere the pose is the nearest one and not to be used.
    """
    after = np.searchsorted(stamps_ns, at_ns).clip(1, max(len(stamps_ns) - 1, 1))
    if len(stamps_ns) == 1:
        return poses[np.zeros(len(at_ns), dtype=int)], np.asarray(at_ns == stamps_ns[0])
    gap = stamps_ns[after] - stamps_ns[after - 1]
    fraction = (at_ns - stamps_ns[after - 1]) / gap
    exact = (fraction == 0) | (fraction == 1)
    good = (fraction >= 0) & (fraction <= 1) & ((gap <= max_gap_s * 1e9) | exact)
    between = se3.interpolate(poses[after - 1], poses[after], fraction.clip(0, 1))
    return between, good


def sorted_by_stamp(
    name: str, stamps_ns: list[int], positions: list[Any], quaternions: list[Any]
) -> tuple[Stamps, FloatArray]:
    """Rising stamps (N,) and poses (N, 4, 4); of equal stamps the first is kept.

    Raises DatasetError for none at all, NaN, or a zero quaternion.
    """
    if not stamps_ns:
        raise DatasetError(expected(name, "poses", "no messages"))
    position, quaternion = np.array(positions, dtype=float), np.array(quaternions, dtype=float)
    broken = ~np.isfinite(position).all(axis=1) | ~(np.linalg.norm(quaternion, axis=1) > 1e-6)
    broken |= ~np.isfinite(quaternion).all(axis=1)
    if broken.any():
        at = int(np.argmax(broken))
        got = f"{position[at].tolist()} {quaternion[at].tolist()} in message {at}"
        raise DatasetError(expected(name, "finite poses with unit quaternions", got))
    stamps, first = np.unique(np.array(stamps_ns, dtype=np.int64), return_index=True)
    return stamps, se3.from_quaternion_xyzw(position[first], quaternion[first])


def _edges(bag: Path, wanted: tuple[str, ...]) -> list[_Edge]:
    there = topics(bag)
    found: dict[tuple[str, str, bool], tuple[list[int], list[Any], list[Any]]] = {}
    for topic in wanted:
        if topic not in there:
            continue
        for _, message in messages(bag, topic, TF_TYPES):
            for one in message.transforms:
                frames = (one.header.frame_id.lstrip("/"), one.child_frame_id.lstrip("/"))
                lists = found.setdefault((*frames, topic == _STATIC_TOPIC), ([], [], []))
                move, turn = one.transform.translation, one.transform.rotation
                lists[0].append(stamp_of(one.header))
                lists[1].append((move.x, move.y, move.z))
                lists[2].append((turn.x, turn.y, turn.z, turn.w))
    return [
        _Edge(parent, child, *sorted_by_stamp(f"{bag} tf {parent} to {child}", *lists), static)
        for (parent, child, static), lists in found.items()
    ]


def _chain(bag: Path, edges: list[_Edge], target: str, source: str) -> list[tuple[_Edge, bool]]:
    """Edges from target to source; True where `parent_from_child` is what is needed."""
    paths: dict[str, list[tuple[_Edge, bool]]] = {target: []}
    frontier = [target]
    while frontier and source not in paths:
        frame = frontier.pop(0)
        for edge in edges:
            for here, there, forward in _directions(edge):
                if here == frame and there not in paths:
                    paths[there] = [*paths[frame], (edge, forward)]
                    frontier.append(there)
    if source not in paths:
        frames = sorted({edge.parent for edge in edges} | {edge.child for edge in edges})
        got = ", ".join(frames) if frames else "no transforms"
        raise DatasetError(expected(f"{bag} tf", f"frames {target} and {source} joined", got))
    return paths[source]


def _directions(edge: _Edge) -> tuple[tuple[str, str, bool], tuple[str, str, bool]]:
    return (edge.parent, edge.child, True), (edge.child, edge.parent, False)


def _at(
    edge: _Edge, stamps: Stamps, max_gap_s: float
) -> tuple[FloatArray, NDArray[np.bool_]]:
    if edge.static:
        return np.broadcast_to(edge.poses[-1], (len(stamps), 4, 4)), np.ones(len(stamps), bool)
    return interpolate_poses(edge.stamps_ns, edge.poses, stamps, max_gap_s)
