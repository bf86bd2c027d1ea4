"""The recording for rerun, as rerun's own program reads it, holds what its page names."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from semloc_ros.config import EvaluationConfig
from semloc_ros.evaluation.conditions import load_conditions
from semloc_ros.evaluation.evidence import evidence_of, write_evidence
from semloc_ros.geometry import se3
from semloc_ros.types import Camera, Correspondences, Frame, PoseEstimate

rerun = pytest.importorskip("rerun")

Maker = Callable[..., dict[str, Any]]
S = 1_000_000_000
LENS = {"fx": 60.0, "fy": 60.0, "cx": 31.5, "cy": 23.5, "width": 64, "height": 48}


def describe(folder: Path) -> None:
    """Camera and thumbnail of a run."""
    about = {
        "mounts": {"camera": np.eye(4).ravel().tolist()},
        "cameras": {"camera": {**LENS, "thumbnail_width": 32}},
    }
    (folder / "run.json").write_text(json.dumps(about))
    (folder / "thumbnails").mkdir()
    cv2.imwrite(str(folder / "thumbnails" / "0.jpg"), np.zeros((24, 32), np.uint8))


def write_one(folder: Path) -> None:
    """At 1 s a mask, three inliers (the last one behind the camera) and two particles."""
    folder.mkdir()
    camera = Camera("pinhole", 64, 48, 60.0, 60.0, 31.5, 23.5)
    mask = np.zeros((48, 64), np.uint8)
    mask[:, :10] = 255
    pixels = np.array([[31.5, 24.5], [1.0, 1.0], [9.0, 9.0]])
    points = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 2.0], [0.0, 0.0, -1.0]])
    inliers = Correspondences(pixels, points, np.ones(3), np.ones(3), np.arange(3))
    pose = PoseEstimate(S, np.eye(4), np.eye(6), inliers, 5)
    cloud = (np.stack([np.eye(4), se3.exp([1, 0, 0, 0, 0, 1])]), np.array([0.9, 0.1]))
    frame = Frame(S, np.zeros((48, 64, 3), np.uint8), camera, mask)
    write_evidence(folder / f"{S}.npz", evidence_of(frame, pose, cloud))


def printed(path: Path) -> str:
    """All chunks of a recording, as `rerun rrd print` shows them."""
    words = [sys.executable, "-m", "rerun_cli", "rrd", "print", "-vvv", str(path)]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def recorded(
    make_folder: Callable[..., Path], records: tuple[Maker, Maker], tmp_path: Path
) -> Callable[[bool], str]:
    """The text of the recording of three fixes and a frame without one, at 0, 1, 2 and 3 s."""

    def record(with_evidence: bool) -> str:
        from semloc_ros.evaluation.rerun_log import write_rerun

        pose, status = records
        lines = [pose(second * S, [second, 0.01, 0.0]) for second in range(3)]
        lines += [status(second * S, values={"inliers": "40"}) for second in range(3)]
        folder = make_folder([*lines, status(3 * S, "LOST", reason="too_few_matches")])
        describe(folder)
        if with_evidence:
            write_one(folder / "evidence")
        (one,) = load_conditions(folder, EvaluationConfig())
        path = tmp_path / "rrd" / "a.rrd"
        write_rerun(path, one, np.zeros((5, 3)))
        return printed(path)

    return record


def test_a_run_becomes_a_recording(recorded: Callable[[bool], str]) -> None:
    text = recorded(False)
    for entity in ("map/points", "map/truth", "map/fixes", "map/base/camera/image", "map/spread",
                   "errors/position_cm", "evidence/inliers", "status"):  # fmt: skip
        assert f" - /{entity} - " in text, entity
    assert "map/matches" not in text and "map/particles" not in text


def test_evidence_is_in_it_where_the_run_kept_it(recorded: Callable[[bool], str]) -> None:
    text = recorded(True)
    for entity in ("map/matches", "map/particles", "map/base/camera/mask", "evidence/residual_px",
                   "map/base/camera/matches", "map/base/camera/residuals"):  # fmt: skip
        assert f" - /{entity} - " in text, entity
    matches = "[[16.0, 12.5], [0.75, 0.75], [4.75, 4.75]]"  # at half the size, from the corner
    assert matches in text
    assert "[[[16.0, 12.5], [16.0, 12.0]]" in text  # from the pixel to the reprojection
    assert "[[0.3, 0.0, 0.0], [0.16" in text  # the particles' arrows
    assert text.count("[false]") == 6  # masks and particles of three frames are cleared
