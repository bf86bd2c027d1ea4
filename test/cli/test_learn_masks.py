"""`semloc learn masks` on a made clip."""

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from semloc_ros.cli import learn_masks
from semloc_ros.cli.learn import app
from semloc_ros.errors import ConfigError, DatasetError


def run(*arguments):
    return CliRunner().invoke(app, ["masks", *map(str, arguments)])


@pytest.fixture
def clip(tmp_path):
    folder = tmp_path / "yard"
    folder.mkdir()
    rng = np.random.default_rng(0)
    wall = cv2.GaussianBlur(rng.integers(0, 255, (60, 240, 3)).astype(np.uint8), (0, 0), 1.5)
    for index in range(12):
        image = wall.copy()
        image[20:40, 15 * index : 15 * index + 15] = (0, 0, 255)
        cv2.imwrite(str(folder / f"{index}.png"), image)
    return folder


def test_masks_instances_and_a_video_are_written(clip, tmp_path):
    pytest.importorskip("pycocotools")
    result = run(clip, "--out", tmp_path / "out", "--set", "queries=2", "--overlays")
    assert result.exit_code == 0, result.exception
    assert "yard: 2 masks, 2 instances; the picture shifts by 0.0 px at most" in result.stdout
    found = json.loads((tmp_path / "out" / "instances.json").read_text())
    assert [one["file_name"] for one in found["images"]] == ["yard_000003.jpg", "yard_000009.jpg"]
    boxes = [one["bbox"] for one in found["annotations"] if not one["iscrowd"]]
    np.testing.assert_allclose(boxes, [[45, 20, 15, 20], [135, 20, 15, 20]], atol=2)
    assert (tmp_path / "out" / "yard.mp4").stat().st_size > 1000


def test_one_clip_that_does_not_do_does_not_cost_the_others(clip, tmp_path, monkeypatch):
    def mine(clip, options, folder, bar):
        if clip.name == "first":
            raise DatasetError("first: expected a camera that does not move, got others")
        return f"{clip.name}: 1 masks"

    monkeypatch.setattr(learn_masks, "_mine", mine)
    for name in ("first", "second"):
        (tmp_path / "clips" / name / "input").mkdir(parents=True)
        image = cv2.imread(str(clip / "0.png"))
        cv2.imwrite(str(tmp_path / "clips" / name / "input" / "in000001.jpg"), image)
    result = run(tmp_path / "clips", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.exception
    assert "left out: first: expected a camera" in result.stdout
    assert "second: 1 masks" in result.stdout and (tmp_path / "out/instances.json").is_file()
    alone = run(tmp_path / "clips" / "first", "--out", tmp_path / "alone")
    assert isinstance(alone.exception, DatasetError)


def test_wrong_options_and_clips_are_one_line(clip, tmp_path):
    for arguments, kind, words in (
        (["--preset", "papr"], ConfigError, "--preset: expected default or paper, got papr"),
        (["--set", "querys=2"], ConfigError, "queries"),
    ):
        fault = run(clip, "--out", tmp_path / "out", *arguments).exception
        assert isinstance(fault, kind) and words in str(fault) and "\n" not in str(fault)
    fault = run(tmp_path / "none", "--out", tmp_path / "out").exception
    assert isinstance(fault, DatasetError) and "none" in str(fault)
    assert not (tmp_path / "out").exists()
