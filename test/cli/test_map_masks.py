"""`semloc map build --masks`."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from label_networks import write_onnx
from typer.testing import CliRunner

from semloc_ros.cli.map import app
from semloc_ros.errors import ConfigError, ModelError
from semloc_ros.maps.storage import load_map


@pytest.fixture(scope="module")
def kapture(tmp_path_factory):
    """A textured wall 4 m away, seen from three places; the upper half of it is reddish."""
    folder = tmp_path_factory.mktemp("kapture")
    pixels = folder / "sensors" / "records_data"
    pixels.mkdir(parents=True)
    rng = np.random.default_rng(0)
    wall = cv2.resize(rng.integers(0, 120, (60, 80, 3), np.uint8), (1600, 1200))
    wall[:600, :, 2] = 255
    poses, records = [], []
    for k in range(3):
        x = 0.4 * (k - 1)
        metres = np.array([[0.005, 0, -4.0], [0, 0.005, -3.0], [0, 0, 1]])
        plane = np.array([[75.0, 0, 159.5 - 75 * x], [0, 75.0, 119.5], [0, 0, 1]])
        image = cv2.warpPerspective(wall, plane @ metres, (320, 240), flags=cv2.INTER_AREA)
        cv2.imwrite(str(pixels / f"{k}.png"), image)
        poses.append(f"{k}, cam, 1, 0, 0, 0, {-x}, 0, 0")
        records.append(f"{k}, cam, {k}.png")
    sensor = "cam, , camera, PINHOLE, 320, 240, 300, 300, 159.5, 119.5"
    tables = {"sensors": [sensor], "trajectories": poses, "records_camera": records}
    for name, rows in tables.items():
        text = "\n".join(["# kapture format: 1.1", *rows, ""])
        (folder / "sensors" / f"{name}.txt").write_text(text)
    return folder


@pytest.fixture()
def stored(tmp_path):
    """A folder of masks that cover the upper half."""
    mask = np.zeros((240, 320), np.uint8)
    mask[:120] = 255
    (tmp_path / "masks").mkdir()
    for k in range(3):
        cv2.imwrite(str(tmp_path / "masks" / f"{k}.png"), mask)
    return tmp_path / "masks"


@pytest.fixture()
def build(kapture, tmp_path):
    """Builds the wall's map with more arguments: what was printed, and the map."""

    def run(*more):
        out = tmp_path / "map"
        arguments = ("build", "--kapture", kapture, "--out", out, *more)
        result = CliRunner().invoke(app, [str(one) for one in arguments])
        if result.exception is not None:
            raise result.exception
        return result.output, load_map(out)

    return run


def test_a_folder_of_masks(build, stored):
    _, whole = build()
    text, half = build("--masks", stored)
    assert "50.0 % of the pixels masked" in text
    assert whole.keypoints[:, 1].min() < 119 < half.keypoints[:, 1].min()
    assert 50 < half.num_points < 0.7 * whole.num_points
    assert half.manifest.build["masks"]["source"] == "folder masks"


def test_the_truth_of_a_world(build, kapture, stored):
    truth = kapture / "truth"
    truth.mkdir()
    for k, motion in enumerate((128, 255, 64)):  # a parked car, a driving one, leaves
        mask = cv2.imread(str(stored / f"{k}.png"), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(truth / f"{k}.motions.png"), np.where(mask > 0, motion, 0))
    _, found = build("--masks", kapture)
    upper = [int((found.features_of(view).keypoints[:, 1] < 119).sum()) for view in range(3)]
    assert upper[:2] == [0, 0]
    assert found.manifest.build["masks"] == {
        "source": f"truth of {kapture.name}", "share": pytest.approx(1 / 3, abs=1e-4)
    }


def test_a_model_whose_classes_say_what_is_dynamic(build, tmp_path):
    pytest.importorskip("onnxruntime")
    write_onnx(tmp_path / "red.onnx", classes=3)
    (tmp_path / "red.yaml").write_text(
        "classes: [dark, middle, red]\nstationary: [dark, middle]\nmean: [0, 0, 0]\n"
        "std: [1, 1, 1]\n"
    )
    dilation = ("--set", "masks.dilation=0")
    text, found = build("--masks", tmp_path / "red.onnx", *dilation)
    share = found.manifest.build["masks"]["share"]
    assert share == pytest.approx(0.5, abs=0.02)
    assert f"{100 * share:.1f} % of the pixels masked" in text
    assert found.manifest.build["masks"]["source"] == "model red: red"
    upper = (found.keypoints[:, 1] < 110).sum()
    assert upper < 0.1 * len(found.keypoints)


@pytest.mark.parametrize(
    ("masks", "kind", "line"),
    [
        ("", ConfigError, "--masks: expected a model or a folder, got ''"),
        ("nowhere", ModelError, "model: expected a name in"),
    ],
)
def test_wrong_masks_are_one_line(masks, kind, line, build):
    with pytest.raises(kind, match=line) as caught:
        build("--masks", masks)
    assert "\n" not in str(caught.value)


def test_options_of_the_model_are_known(build, stored):
    with pytest.raises(ConfigError, match="did you mean score"):
        build("--masks", stored, "--set", "masks.scor=0.4")


def test_options_of_a_model_without_one_are_refused(build, stored):
    for more in ((), ("--masks", stored)):
        with pytest.raises(ConfigError, match="--masks: expected a model, for masks"):
            build(*more, "--set", "masks.score=0.4")
