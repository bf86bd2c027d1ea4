"""`semloc mask-quality`, as a user types it."""

from __future__ import annotations

import pytest
from dynamic_data import red_model, write_camvid, write_cityscapes, write_clip
from typer.testing import CliRunner

from semloc_ros.cli.main import app
from semloc_ros.errors import ConfigError, DatasetError, ModelError

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

QUICK = ["--set", "threads=1", "--set", "device=cpu"]


@pytest.fixture
def model(tmp_path):
    return red_model(tmp_path)


def run(*arguments):
    wide = {"COLUMNS": "160", "NO_COLOR": "1", "TERM": "dumb"}
    words = ["mask-quality", *map(str, arguments), *QUICK]
    return CliRunner().invoke(app, words, env=wide)


def rows(*arguments):
    """The numbers by data set and group."""
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    words = [line.split() for line in result.output.splitlines()]
    return {tuple(one[:2]): one[2:] for one in words if len(one) > 4 and one[2].isdecimal()}


def test_cityscapes_city_by_city(model, tmp_path):
    found = rows(model, write_cityscapes(tmp_path / "cityscapes"))
    # two cars that touch are one red thing; of the third of lindau, half as many pixels, nothing
    assert found == {
        ("cityscapes", "frankfurt"): ["1", "100.0", "100.0", "100.0", "100.0", "50.0", "66.7"],
        ("cityscapes", "lindau"): ["1", "100.0", "66.7", "80.0", "100.0", "33.3", "50.0"],
        ("cityscapes", "mean"): ["2", "100.0", "83.3", "90.0", "100.0", "41.7", "58.3"],
        ("cityscapes", "all"): ["2", "100.0", "80.0", "88.9", "100.0", "40.0", "57.1"],
    }


def test_truth_without_objects_judges_pixels_alone(model, tmp_path):
    clip, camvid = write_clip(tmp_path / "road"), write_camvid(tmp_path / "camvid")
    found = rows(model, clip, camvid, "--images", 2)
    assert found == {
        ("road", "road"): ["2", "66.7", "100.0", "80.0"],  # what stands is red too
        ("camvid", "val"): ["1", "100.0", "75.0", "85.7"],
    }
    assert rows(model, clip, "--first", 3)[("road", "road")][0] == "1"


def test_faults_are_one_line(model, tmp_path):
    clip = write_clip(tmp_path / "road")
    for arguments, fault, words in (
        ((model, tmp_path / "none"), DatasetError, "expected a world"),
        ((tmp_path / "none.onnx", clip), ModelError, "none.onnx: expected"),
        ((model, clip, "--set", "scor=1"), ConfigError, "scor: unknown"),
    ):
        error = run(*arguments).exception
        assert isinstance(error, fault) and words in str(error) and "\n" not in str(error)
