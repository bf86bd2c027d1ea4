"""Evidence of a frame: what is written is read again, and what is broken is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semloc_ros.errors import DatasetError
from semloc_ros.evaluation.evidence import (
    NO_EVIDENCE,
    evidence_of,
    read_evidence,
    write_evidence,
)
from semloc_ros.evaluation.recording import PredictionLog
from semloc_ros.geometry import se3
from semloc_ros.types import Camera, Correspondences, Frame, NoPose, NoPoseReason, PoseEstimate

LENS = Camera("pinhole", 64, 48, 60.0, 60.0, 31.5, 23.5)


def frame(mask: np.ndarray | None = None) -> Frame:
    return Frame(7, np.zeros((48, 64, 3), np.uint8), LENS, mask)


def estimate() -> PoseEstimate:
    """A camera that stands 1 m behind the map's origin; the last point lies behind it."""
    camera_from_map = se3.make_pose(np.eye(3), np.array([0.0, 0.0, 1.0]))
    points = np.array([[0.0, 0.0, 1.0], [0.5, 0.0, 1.0], [0.0, 0.0, -3.0]])
    pixels = np.array([[31.5, 23.5], [46.5, 21.5], [1.0, 1.0]])
    inliers = Correspondences(pixels, points, np.ones(3), np.ones(3), np.arange(3))
    return PoseEstimate(7, camera_from_map, np.eye(6), inliers, 5)


def test_residuals_lead_from_the_pixel_to_the_reprojection() -> None:
    found = evidence_of(frame(), estimate())
    assert np.allclose(found.residuals, [[0, 0], [0, 2], [np.nan, np.nan]], equal_nan=True)
    assert np.allclose(found.points_map[1], [0.5, 0, 1]) and found.pixels.dtype == np.float32


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    mask = np.zeros((48, 64), np.uint8)
    mask[5:9, 3:50] = 255
    poses = np.stack([se3.exp([1, 2, 3, 0, 0, 1.5]), se3.exp([4, 5, 6, 0.3, 0, 0])])
    given = evidence_of(frame(mask), estimate(), (poses, np.array([0.25, 0.75])))
    for name in ("a", "b"):
        write_evidence(tmp_path / f"{name}.npz", given)
    read = read_evidence(tmp_path / "a.npz")
    assert np.array_equal(read.mask, mask)
    assert np.array_equal(read.residuals, given.residuals, equal_nan=True)
    assert read.weights.tolist() == [0.25, 0.75]
    again = se3.from_quaternion_xyzw(read.particles[:, :3], read.particles[:, 3:])
    assert np.allclose(again, poses, atol=1e-6)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_frame_without_a_pose_has_its_mask_alone(tmp_path: Path) -> None:
    nothing = NoPose(7, NoPoseReason.TOO_FEW_MATCHES, "none")
    mask = np.full((48, 64), 255, np.uint8)
    write_evidence(tmp_path / "a.npz", evidence_of(frame(mask), nothing))
    read = read_evidence(tmp_path / "a.npz")
    assert read.mask is not None and read.mask.min() == 255
    assert read.pixels.shape == (0, 2) and read.particles.shape == (0, 7)
    write_evidence(tmp_path / "b.npz", evidence_of(frame(), nothing))
    assert read_evidence(tmp_path / "b.npz").mask is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"pixels": np.zeros((3, 2))}, r"a\.npz: pixels: expected float32 of shape \(3, 2\)"),
        ({"points_map": np.zeros((2, 3), np.float32)}, r"points_map: expected .* \(0, 3\)"),
        ({"weights": np.float32(1)}, r"weights: expected float32 of shape \(0,\)"),
        ({"mask": np.zeros(5, np.uint8)}, r"a\.npz: mask: expected the bytes of a PNG"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    path = tmp_path / "a.npz"
    write_evidence(path, NO_EVIDENCE)
    with np.load(path) as file:
        arrays = dict(file)
    np.savez_compressed(path, **{**arrays, **changed})
    with pytest.raises(DatasetError, match=said):
        read_evidence(path)


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x03\x04 cut"])
def test_a_file_of_another_kind_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=r"a\.npz: expected the evidence of a frame"):
        read_evidence(path)


def test_a_log_keeps_evidence_only_when_it_is_wanted(tmp_path: Path) -> None:
    with PredictionLog(tmp_path) as log:
        log.evidence(7, frame(), estimate(), None)
    assert not (tmp_path / "evidence").exists()
    with PredictionLog(tmp_path, evidence=True) as log:
        log.evidence(7, frame(), estimate(), None)
    assert len(read_evidence(tmp_path / "evidence" / "7.npz").pixels) == 3
    PredictionLog(tmp_path).__exit__(None, None, None)
    assert not list((tmp_path / "evidence").iterdir())  # an earlier run's does not stay
