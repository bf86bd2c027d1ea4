from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semloc_ros.config import EvaluationConfig
from semloc_ros.datasets.kitti import read_kitti, write_kitti
from semloc_ros.datasets.tum import read_tum
from semloc_ros.errors import DatasetError
from semloc_ros.evaluation.conditions import Condition, load_conditions
from semloc_ros.evaluation.exports import (
    Format,
    NameStyle,
    export,
    submission_name,
    write_submission,
)
from semloc_ros.geometry import se3

Maker = Callable[..., dict[str, Any]]
S = 1_000_000_000
BASE_FROM_CAMERA = se3.exp([0.3, 0.1, 0.5, -1.2, 1.2, -1.2])
POSE = se3.exp([1.0, 2.0, 3.0, 0.1, -0.2, 0.3])


@pytest.fixture
def condition(
    make_folder: Callable[..., Path], records: tuple[Maker, Maker]
) -> Condition:
    """Three frames: two with fixes, 1 cm to the side; one degraded."""
    pose, status = records
    lines = [pose(second * S, [second, 0.01, 0.0]) for second in range(3)]
    lines += [status(0), status(S, "DEGRADED"), status(2 * S)]
    folder = make_folder(lines, frames=3)
    about = {"mounts": {"camera": BASE_FROM_CAMERA.ravel().tolist()}}
    (folder / "run.json").write_text(json.dumps(about))
    (found,) = load_conditions(folder, EvaluationConfig())
    return found


def test_names_are_as_each_benchmark_wants_them() -> None:
    name = "overcast/rear/1418.jpg"
    assert submission_name(name, NameStyle.FILE) == "1418.jpg"
    assert submission_name(name, NameStyle.CAMERA) == "rear/1418.jpg"
    assert submission_name(name, NameStyle.PATH) == name
    with pytest.raises(DatasetError, match="camera/file"):
        submission_name("1418.jpg", NameStyle.CAMERA)
    with pytest.raises(DatasetError, match="one word"):
        submission_name("my image.jpg", NameStyle.FILE)


def test_a_line_is_the_quaternion_with_w_first_and_the_translation(tmp_path: Path) -> None:
    """camera_from_map: a map point p is at R p + t in the camera."""
    quarter = se3.exp([0, 0, 0, 0, 0, np.pi / 2])
    quarter[:3, 3] = 1, 2, 3
    write_submission(tmp_path / "a.txt", [("db/1.jpg", quarter)], NameStyle.FILE)
    name, *numbers = (tmp_path / "a.txt").read_text().split()
    assert name == "1.jpg"
    half = 0.5**0.5
    assert [float(number) for number in numbers] == pytest.approx([half, 0, 0, half, 1, 2, 3])


def test_two_images_of_one_name_are_an_error(tmp_path: Path) -> None:
    poses = [("a/1.jpg", POSE), ("b/1.jpg", POSE)]
    with pytest.raises(DatasetError, match=r"differ without their folders, got '1\.jpg'"):
        write_submission(tmp_path / "a.txt", poses, NameStyle.FILE)
    write_submission(tmp_path / "a.txt", poses, NameStyle.CAMERA)


def test_a_run_is_submitted_with_its_fixes_and_the_cameras_poses(
    condition: Condition, tmp_path: Path
) -> None:
    (path,) = export(condition, Format.ROBOTCAR, tmp_path / "export")
    lines = [line.split() for line in path.read_text().splitlines()]
    names = [f"{condition.name}/0.jpg", f"{condition.name}/{2 * S}.jpg"]
    assert [line[0] for line in lines] == names
    w, x, y, z, *translation = map(float, lines[1][1:])
    camera_from_map = se3.from_quaternion_xyzw(translation, (x, y, z, w))
    map_from_base = se3.exp([2, 0.01, 0, 0, 0, 0])
    assert np.allclose(se3.inverse(camera_from_map @ map_from_base), BASE_FROM_CAMERA, atol=1e-9)
    (path,) = export(condition, Format.AACHEN, tmp_path / "export")
    assert path.read_text().split()[0] == "0.jpg"


def test_a_run_without_its_mount_cannot_be_submitted(condition: Condition, tmp_path: Path) -> None:
    condition.about["mounts"].clear()  # type: ignore[attr-defined]
    with pytest.raises(DatasetError, match=r"run\.json: expected the place of one camera"):
        export(condition, Format.CMU, tmp_path)


def test_fixes_and_truth_are_exported_row_by_row(condition: Condition, tmp_path: Path) -> None:
    fixes, truth = export(condition, Format.TUM, tmp_path)
    assert read_tum(fixes)[0].tolist() == read_tum(truth)[0].tolist() == [0, 2 * S]
    assert np.allclose(read_tum(fixes)[1][:, :3, 3] - read_tum(truth)[1][:, :3, 3], [0, 0.01, 0])
    fixes, truth, times = export(condition, Format.KITTI, tmp_path)
    assert np.allclose(read_kitti(fixes)[:, 1, 3] - read_kitti(truth)[:, 1, 3], 0.01)
    assert times.read_text() == "0.000000000\n2.000000000\n"


def test_kitti_round_trip_and_its_faults(tmp_path: Path) -> None:
    path = tmp_path / "a.kitti"
    poses = se3.exp(np.random.default_rng(1).normal(size=(3, 6)))
    write_kitti(path, poses)
    assert np.allclose(read_kitti(path), poses, atol=1e-8)
    good = path.read_text().splitlines()[0]
    for wrong in ("1 2 3", "x" + good, "2" * 5 + good[3:], "nan" + good[8:]):
        path.write_text(f"{good}\n{wrong}\n")
        with pytest.raises(DatasetError, match=r"a\.kitti:2: expected"):
            read_kitti(path)
    path.write_text("")
    with pytest.raises(DatasetError, match="at least one pose"):
        read_kitti(path)


@pytest.mark.skipif(shutil.which("evo_traj") is None, reason="evo is not installed")
@pytest.mark.parametrize("form", [Format.TUM, Format.KITTI])
def test_evo_reads_what_is_written(condition: Condition, tmp_path: Path, form: Format) -> None:
    fixes, truth, *_ = export(condition, form, tmp_path)
    done = subprocess.run(
        ["evo_ape", form.value, str(truth), str(fixes)],
        capture_output=True, text=True, env={"HOME": str(tmp_path), "PATH": "/usr/bin:" + str(
            Path(shutil.which("evo_ape") or "").parent)},
    )  # fmt: skip
    assert "rmse\t0.010000" in done.stdout, done.stdout + done.stderr
