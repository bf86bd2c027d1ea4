"""ATE and RPE: by hand, and against what evo says of the same files.

data/truth.tum is a bent ellipse driven in 24 s; data/estimate.tum the same, moved by a small
rigid motion and with random errors (numpy, seed 7). data/evo.json has evo's numbers.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semloc_ros.datasets.tum import read_tum
from semloc_ros.evaluation import trajectory
from semloc_ros.evaluation.trajectory import Part, absolute_errors, pairs_by_way, relative_errors
from semloc_ros.geometry import se3

DATA = Path(__file__).parent / "data"
ENTRIES = json.loads((DATA / "evo.json").read_text())["entries"]


def ours(words: str) -> np.ndarray:
    """Our errors for evo's words."""
    program, *rest = words.split()
    given = dict(zip(rest[::2], [*rest[1::2], None], strict=False))
    _, truth = read_tum(DATA / "truth.tum")
    _, estimate = read_tum(DATA / "estimate.tum")
    part = Part(given["-r"])
    if program == "evo_ape":
        if "--align" in given:
            estimate = trajectory.aligned(estimate, truth)
        return absolute_errors(estimate, truth, part)
    if given["--delta_unit"] == "f":
        pairs = trajectory.pairs_by_frames(len(truth), int(given["--delta"]))
    else:
        pairs = pairs_by_way(estimate, float(given["--delta"]))
    return relative_errors(estimate, truth, pairs, part)


def check(words: str, wanted: dict[str, Any]) -> None:
    errors = ours(words)
    found = {
        "rmse": trajectory.root_mean_square(errors),
        "mean": errors.mean(),
        "median": np.median(errors),
        "max": errors.max(),
    }
    for name, value in found.items():
        assert value == pytest.approx(wanted[name], abs=1e-6), f"{words}: {name}"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["words"])
def test_errors_are_those_that_evo_gave(entry: dict[str, Any]) -> None:
    check(entry["words"], entry)


@pytest.mark.skipif(shutil.which("evo_ape") is None, reason="evo is not installed")
@pytest.mark.parametrize("words", [ENTRIES[1]["words"], ENTRIES[12]["words"]])
def test_errors_are_those_that_evo_gives(words: str, tmp_path: Path) -> None:
    program, *rest = words.split()
    files = [str(DATA / "truth.tum"), str(DATA / "estimate.tum")]
    command = [program, "tum", *files, *rest, "--save_results", str(tmp_path / "r.zip")]
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    home = {"HOME": str(tmp_path)}  # where evo writes its settings
    subprocess.run(command, check=True, capture_output=True, env=environ | home)
    with zipfile.ZipFile(tmp_path / "r.zip") as results:
        check(words, json.loads(results.read("stats.json")))


def straight(*xs: float) -> np.ndarray:
    return se3.make_pose(np.eye(3), np.array([[x, 0.0, 0.0] for x in xs]))


def test_absolute_and_relative_errors_by_hand() -> None:
    truth, estimate = straight(0, 1, 2, 3), straight(0.5, 1.5, 2.5, 4.5)
    assert absolute_errors(estimate, truth, Part.TRANSLATION).tolist() == [0.5, 0.5, 0.5, 1.5]
    pairs = trajectory.pairs_by_frames(4, 1)
    moved = relative_errors(estimate, truth, pairs, Part.TRANSLATION)
    assert moved.tolist() == [0.0, 0.0, 1.0]
    assert trajectory.root_mean_square(moved) == pytest.approx((1 / 3) ** 0.5)
    assert trajectory.root_mean_square(moved[:0]) is None


def test_a_turn_is_an_angle_whatever_the_direction() -> None:
    turned = se3.exp([0, 0, 0, 0, 0, np.radians(-30)])[None]
    assert absolute_errors(turned, np.eye(4)[None], Part.ANGLE)[0] == pytest.approx(30)


def test_pairs_along_the_way_begin_where_the_last_one_ended() -> None:
    poses = straight(0, 0.4, 0.9, 1.2, 1.9, 2.0, 2.3)
    assert pairs_by_way(poses, 1.0).tolist() == [[0, 3], [3, 6]]
    assert pairs_by_way(poses[:1], 1.0).shape == (0, 2)
    assert pairs_by_way(poses[:0], 1.0).shape == (0, 2)
    assert trajectory.pairs_by_frames(5, 2).tolist() == [[0, 2], [2, 4]]


def test_alignment_undoes_a_rigid_motion_and_no_mirroring() -> None:
    _, truth = read_tum(DATA / "truth.tum")
    moved = se3.exp([1.0, 2.0, 3.0, 0.4, -0.5, 2.5]) @ truth
    assert np.allclose(trajectory.aligned(moved, truth), truth, atol=1e-9)
    mirrored = truth.copy()
    mirrored[:, 2, 3] *= -1
    fitted = trajectory.aligned(mirrored, truth)
    assert np.linalg.det(fitted[0, :3, :3]) == pytest.approx(1.0)
