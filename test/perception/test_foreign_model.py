"""Networks of others: what the yaml file may say, and what is made of their outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from label_networks import write_onnx

from semloc_ros.config import LabellerConfig
from semloc_ros.errors import ConfigError, ModelError
from semloc_ros.perception.label_model import load_labeller

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

PLAIN = "classes: [night, dusk, day]\nmean: [0, 0, 0]\nstd: [1, 1, 1]\n"


def image(height: int = 24, width: int = 40) -> np.ndarray:
    """Red in three columns of levels 0, 0.5 and 1; the other channels say something else."""
    pixels = np.full((height, width, 3), 77, np.uint8)
    third = width // 3 // 4 * 4
    pixels[..., 0] = np.repeat([0, 128, 255], [third, third, width - 2 * third])
    return pixels


def wanted(height: int = 24, width: int = 40) -> np.ndarray:
    third = width // 3 // 4 * 4
    row = np.repeat([0, 1, 2], [third, third, width - 2 * third])
    return np.tile(row, (height, 1)).astype(np.uint8)


@pytest.fixture
def network(tmp_path: Path):
    def make(text: str = PLAIN, **options):
        write_onnx(tmp_path / "mine.onnx", **options)
        (tmp_path / "mine.yaml").write_text(text)
        return tmp_path / "mine.onnx"

    return make


def label(path: Path, pixels: np.ndarray, **options) -> np.ndarray:
    config = LabellerConfig(device="cpu", threads=1, **options)
    return load_labeller(path, config).label(pixels)


@pytest.mark.parametrize("output", ["scores", "labels"])
def test_label_maps_are_those_of_the_network(network, output):
    found = label(network(output=output), image())
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, wanted())


def test_what_the_yaml_says_is_known_of_the_labels(network):
    text = PLAIN + "name: eyes\nstationary: [night, day]\n"
    labeller = load_labeller(network(text), LabellerConfig(threads=1))
    assert (labeller.name, labeller.count) == ("eyes", 3)
    assert labeller.about.names == ("night", "dusk", "day")
    assert labeller.about.stationary.tolist() == [True, False, True]


def test_names_of_cityscapes_are_known_to_stay_or_not(network):
    text = PLAIN.replace("[night, dusk, day]", "[road, car, sky]")
    about = load_labeller(network(text), LabellerConfig(threads=1)).about
    assert about.stationary.tolist() == [True, False, True]
    assert about.parents.tolist() == [0, 13, 10]
    about = load_labeller(network(PLAIN), LabellerConfig(threads=1)).about
    assert about.stationary is None


def test_unknown_classes_are_unknown(network):
    found = label(network(PLAIN + "unknown: [dusk]\n"), image())
    assert (found[wanted() == 1] == 255).all()
    np.testing.assert_array_equal(found[wanted() != 1], wanted()[wanted() != 1])


def test_order_of_colours_and_normalization(network):
    path = network(PLAIN + "channels: bgr\n")
    np.testing.assert_array_equal(label(path, image()[..., ::-1].copy()), wanted())
    path = network(PLAIN.replace("[0, 0, 0]", "[0.5, 0, 0]").replace("[1, 1", "[0.5, 1"))
    levels = np.where(wanted() == 2, 2, 0)  # -1, 0 and 1, of which the network knows two
    np.testing.assert_array_equal(label(path, image()), levels)


def test_a_network_of_one_size_gets_images_of_that_size(network):
    found = label(network(PLAIN + "size: [12, 60]\n"), image(24, 36), label_stride=1)
    assert found.shape == (24, 36)
    assert (found == wanted(24, 36)).mean() > 0.9, "all but at the edges"
    fixed = network(size=(12, 60))  # the file says it, the yaml does not
    np.testing.assert_array_equal(label(fixed, image(24, 36), label_stride=1), found)


def test_grey_images_have_three_equal_channels(network):
    found = label(network(), image()[..., 0])
    np.testing.assert_array_equal(found, wanted())


def test_patches_of_a_network_that_gives_scores(network):
    options = {"inference": "patches", "patch_px": 16, "step_px": 12, "centre_px": 8}
    np.testing.assert_array_equal(label(network(), image(), **options), wanted())
    with pytest.raises(ConfigError, match="inference: expected whole: the network gives no scores"):
        label(network(output="labels"), image(), **options)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("classes: [", "mine.yaml: expected a readable yaml file"),
        ("name: x", "mine.yaml: expected keys and values, at least `classes`"),
        ("classes: [a, a, b]", "mine.yaml: classes: expected cityscapes, .*, or different names"),
        (PLAIN + "stationary: [noon]", "mine.yaml: stationary: expected names that classes has"),
        (PLAIN + "chanels: bgr", "mine.yaml: expected only name, .*, got 'chanels'"),
        (PLAIN + "channels: gbr", "mine.yaml: channels: expected rgb or bgr, got 'gbr'"),
        (PLAIN + "size: 512", r"mine.yaml: size: expected \[height, width\], got 512"),
        (PLAIN.replace("[1, 1, 1]", "[1, 0, 1]"), "mine.yaml: std: expected three numbers above 0"),
        (PLAIN + "label_stride: 3", "mine.yaml: label_stride: expected 1 or 2 or 4 or 8, got 3"),
    ],
)
def test_a_wrong_yaml_is_one_line(network, text, said):
    with pytest.raises(ModelError, match=said) as refused:
        load_labeller(network(text), LabellerConfig())
    assert "\n" not in str(refused.value)


def test_another_number_of_classes_is_said(network):
    path = network(classes=5)
    with pytest.raises(ModelError, match=r"mine.onnx: output: expected scores \(1, 3, h, w\)"):
        label(path, image())


def test_what_is_no_network_is_one_line(network):
    path = network()
    path.write_bytes(b"torn")
    with pytest.raises(ModelError, match="mine.onnx: expected .*, got") as refused:
        load_labeller(path, LabellerConfig())
    assert "\n" not in str(refused.value)
