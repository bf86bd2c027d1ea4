"""`semloc map clusters` as a user types it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from semloc_ros.cli.map import app
from semloc_ros.errors import ConfigError, MapError
from semloc_ros.maps.image_files import read_labels
from semloc_ros.perception.cluster_labels import ClusterLabels


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("left/0.jpg", "left/1.jpg", "right/0.jpg", "right/0.depth.png"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), cv2.resize(rng.integers(0, 255, (6, 8, 3), np.uint8), (80, 60)))
    return tmp_path / "images"


def run(*arguments):
    return CliRunner().invoke(app, ["clusters", *map(str, arguments)])


def test_images_are_labelled_and_others_by_the_same_model(images, tmp_path):
    options = ["--count", 5, "--every", 2, "--pattern", "*.jpg", "--set", "scales=1"]
    result = run(images, "--out", tmp_path / "one", *options)
    assert result.exit_code == 0, result.output
    assert "3 label maps of 5 labels" in result.output
    written = sorted(path.relative_to(tmp_path / "one") for path in tmp_path.rglob("one/**/*.png"))
    assert [str(path) for path in written] == ["left/0.png", "left/1.png", "right/0.png"]
    assert read_labels(tmp_path / "one" / "left" / "1.png").shape == (60, 80)
    model = tmp_path / "one" / "model.npz"
    assert ClusterLabels.load(model).count == 5
    again = run(images / "left", "--out", tmp_path / "two", "--model", model)
    assert again.exit_code == 0, again.output
    for name in ("0.png", "1.png"):
        one, two = (read_labels(tmp_path / part / name) for part in ("one/left", "two"))
        assert np.array_equal(one, two)


def fault(*arguments):
    result = run(*arguments)
    assert isinstance(result.exception, ConfigError | MapError)
    return str(result.exception)


def test_faults_of_input_are_named(images, tmp_path):
    out = tmp_path / "out"
    assert "images: expected images (*.bmp), got none" in fault(
        images, "--out", out, "--pattern", "*.bmp"
    )
    assert "--out: expected a folder outside of" in fault(images, "--out", images / "labels")
    assert "absent.npz: expected a label model" in fault(
        images, "--out", out, "--model", tmp_path / "absent.npz"
    )
    assert "--set: expected none with --model" in fault(
        images, "--out", out, "--model", out / "model.npz", "--set", "scales=2"
    )
    (images / "left" / "0.png").write_bytes((images / "right" / "0.depth.png").read_bytes())
    assert "differ by more than the ending, got 0.jpg and 0.png" in fault(images, "--out", out)
    assert not out.exists()
