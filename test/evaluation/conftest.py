"""Small runs whose numbers can be worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semloc_ros.evaluation.predictions import Drive, Truth, write_reference
from semloc_ros.geometry import se3

SECOND = 1_000_000_000


def pose_record(
    stamp_ns: int, position: list[float], yaw_deg: float = 0.0, **more: Any
) -> dict[str, Any]:
    half = np.radians(yaw_deg) / 2
    covariance = np.diag([1e-4] * 3 + [1e-6] * 3)  # 1 cm and 1 mrad
    record = {
        "kind": "pose",
        "stamp_ns": stamp_ns,
        "received_ns": stamp_ns + 50_000_000,
        "position": position,
        "quaternion_xyzw": [0.0, 0.0, float(np.sin(half)), float(np.cos(half))],
        "covariance": covariance.ravel().tolist(),
    }
    return record | more


def status_record(stamp_ns: int, state: str = "TRACKING", **more: Any) -> dict[str, Any]:
    record = {"kind": "status", "stamp_ns": stamp_ns, "received_ns": stamp_ns + 50_000_000}
    return record | {"state": state, "reason": "", "values": {}} | more


def tf_record(stamp_ns: int, position: tuple[float, ...] = (0, 0, 0), **more: Any) -> Any:
    record = {"kind": "tf", "stamp_ns": stamp_ns, "received_ns": stamp_ns, "parent": "map"}
    turn = {"position": list(position), "quaternion_xyzw": [0.0, 0.0, 0.0, 1.0]}
    return record | {"child": "odom"} | turn | more


@pytest.fixture
def make_tf() -> Callable[..., dict[str, Any]]:
    """Maker of a tf line, map→odom at its own stamp unless said otherwise."""
    return tf_record


@pytest.fixture
def records() -> tuple[Callable[..., dict[str, Any]], Callable[..., dict[str, Any]]]:
    """Makers of a pose line and a status line."""
    return pose_record, status_record


@pytest.fixture
def straight_truth() -> Truth:
    """A robot that drives along x at 1 m/s without turning, from 0 s to 10 s, true every 0.5 s."""
    stamps = np.arange(0, 10 * SECOND + 1, SECOND // 2, dtype=np.int64)
    positions = np.zeros((len(stamps), 3))
    positions[:, 0] = stamps / SECOND
    return Truth(stamps, se3.make_pose(np.eye(3), positions))


@pytest.fixture
def offset_odometry(straight_truth: Truth) -> Drive:
    """The odometry of that robot: it started at y = -5 m of its frame and sees no slip."""
    poses = straight_truth.map_from_base.copy()
    poses[:, 1, 3] -= 5.0
    return Drive(straight_truth.stamps_ns, poses)


@pytest.fixture
def make_folder(
    tmp_path: Path, straight_truth: Truth, offset_odometry: Drive
) -> Callable[..., Path]:
    """A folder of predictions from lines, with frames at whole seconds 0 ... `frames` - 1."""

    def make(lines: list[dict[str, Any]], frames: int = 4, driven: bool = True) -> Path:
        stamps = np.arange(frames, dtype=np.int64) * SECOND
        write_reference(tmp_path, stamps, straight_truth, offset_odometry if driven else None)
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / "predictions.jsonl").write_text(text)
        return tmp_path

    return make
