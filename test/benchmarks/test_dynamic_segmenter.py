"""The benchmark of dynamic segmenters from end to end, on tiny data sets of the true forms."""

from __future__ import annotations

import json
import sys

import cv2
import numpy as np
import pytest
from dynamic_data import RED, red_model, save, write_cityscapes, write_clip

from semloc_ros.errors import ConfigError

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture
def benchmark(project_root, monkeypatch):
    """`main()` with these words."""
    monkeypatch.syspath_prepend(str(project_root / "benchmarks"))
    import dynamic_segmenter

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["dynamic_segmenter.py", *map(str, words)])
        dynamic_segmenter.main()

    return run


def write_moving_clip(folder, frames=12):
    """A red square crosses a grey wall; the true masks from frame 3 on."""
    noise = np.random.default_rng(0).integers(0, 120, (60, 240), np.uint8)
    wall = np.repeat(cv2.GaussianBlur(noise, (0, 0), 1.5)[..., None], 3, axis=2)
    for number in range(1, frames + 1):
        image, truth = wall.copy(), np.zeros((60, 240), np.uint8)
        square = slice(20, 40), slice(16 * number, 16 * number + 16)
        image[square], truth[square] = RED, 255
        save(folder / "input" / f"in{number:06d}.png", image)
        save(folder / "groundtruth" / f"gt{number:06d}.png", truth)
    (folder / "temporalROI.txt").write_text(f"3 {frames}\n")
    return folder


def test_models_beside_a_baseline_on_cities_and_on_a_clip(benchmark, tmp_path):
    model = red_model(tmp_path)
    cities, clip = write_cityscapes(tmp_path / "cityscapes"), write_moving_clip(tmp_path / "road")
    benchmark(
        "--model", f"ours={model}", "--baseline", f"theirs={model}", "--set", "threads=1",
        "--sets", f"cities={cities}", f"{clip}@5", "--images", 3, "--mined",
        "--json", tmp_path / "out.json", "--figures", tmp_path / "figures",
    )  # fmt: skip
    result = json.loads((tmp_path / "out.json").read_text())
    f1 = {(row["set"], row["group"], row["model"]): row["F1"] for row in result["rows"]}
    for model_name in ("ours", "theirs"):
        assert f1["cities", "frankfurt", model_name] == 100
        assert f1["cities", "lindau", model_name] == pytest.approx(80)
        assert f1["cities", "mean", model_name] == pytest.approx(90)
        assert f1["road", "road", model_name] == pytest.approx(100)
    assert f1["road", "road", "mined"] > 85 and ("cities", "lindau", "mined") not in f1
    assert sorted(result["facts"]) == ["ours", "theirs"]
    assert {row["images"] for row in result["rows"] if row["set"] == "road"} == {3}
    made = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert made == ["f1.png", "masks_cities.jpg", "masks_road.jpg"]


def test_a_model_needs_a_name(benchmark, tmp_path):
    with pytest.raises(ConfigError, match=r"mine.onnx: expected NAME=VALUE"):
        benchmark("--model", "mine.onnx", "--sets", write_clip(tmp_path / "road"))
