"""`semloc labels` and models as labels of a map, as a user types it."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from label_networks import write_onnx
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from typer.testing import CliRunner

from semloc_ros.cli.main import app
from semloc_ros.errors import ConfigError, DatasetError, MapError, ModelError
from semloc_ros.maps.image_files import read_labels
from semloc_ros.maps.label_sets import find_label_set
from semloc_ros.perception.cluster_labels import ClusterLabels, fit

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

QUICK = ["--set", "threads=1", "--set", "device=cpu"]


@pytest.fixture
def network(tmp_path):
    write_onnx(tmp_path / "mine.onnx")
    text = "classes: [night, dusk, day]\nstationary: [dusk]\nmean: [0, 0, 0]\nstd: [1, 1, 1]\n"
    (tmp_path / "mine.yaml").write_text(text)
    return tmp_path / "mine.onnx"


@pytest.fixture
def images(tmp_path):
    for name, red in (("left/0.png", 0), ("left/1.png", 255), ("right/0.png", 128)):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((12, 16, 3), (9, 9, red), np.uint8))  # OpenCV has BGR
    return tmp_path / "images"


def run(*arguments):
    return CliRunner().invoke(app, ["labels", *map(str, arguments)])


def test_images_are_labelled_by_a_foreign_network(network, images, tmp_path):
    result = run(network, images, "--out", tmp_path / "out", *QUICK)
    assert result.exit_code == 0, result.output
    assert "3 label maps of 3 labels" in result.output.replace("\n", " ")
    for name, label in (("left/0", 0), ("left/1", 2), ("right/0", 1)):
        found = read_labels(tmp_path / "out" / f"{name}.png")
        assert found.shape == (12, 16) and (found == label).all()
    known = find_label_set(tmp_path / "out")
    assert known is not None and known.names == ("night", "dusk", "day")
    assert known.stationary.tolist() == [False, True, False]


def test_label_maps_in_colours_to_look_at(network, images, tmp_path):
    looks = tmp_path / "looks"
    result = run(network, images, "--out", tmp_path / "out", "--colors", looks, *QUICK)
    assert result.exit_code == 0, result.output
    seen = {tuple(cv2.imread(str(path))[0, 0]) for path in looks.rglob("*.png")}
    assert len(seen) == 3, "three labels, three colours"


def test_without_its_yaml_a_foreign_network_is_one_line(network, images, tmp_path):
    network.with_suffix(".yaml").unlink()
    result = run(network, images, "--out", tmp_path / "out", *QUICK)
    assert isinstance(result.exception, ModelError)
    assert "or mine.yaml beside it" in str(result.exception)


def test_clusters_say_that_it_is_not_known_which_stay(images, tmp_path):
    pixels = [cv2.imread(str(path)) for path in sorted(images.rglob("*.png"))]
    fit(pixels, 2, seed=0).save(tmp_path / "room.npz")
    result = run(tmp_path / "room.npz", images, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "out" / "labels.json").read_text())["stationary"] is None
    known = find_label_set(tmp_path / "out")
    assert known is not None and known.stationary is None and len(known) == 2
    found = read_labels(tmp_path / "out" / "left" / "0.png")
    model = ClusterLabels.load(tmp_path / "room.npz")
    np.testing.assert_array_equal(found, model.label(pixels[0]))


def test_images_of_a_bag_are_called_by_their_stamps(network, tmp_path):
    store = get_typestore(Stores.ROS2_JAZZY)
    kinds = store.types
    with Writer(tmp_path / "drive", version=9, storage_plugin=StoragePlugin.MCAP) as bag:
        kind = "sensor_msgs/msg/Image"
        topic = bag.add_connection("/eye/image", kind, typestore=store)
        for seconds, red in ((1, 0), (2, 255)):
            stamp = kinds["builtin_interfaces/msg/Time"](seconds, 5)
            header = kinds["std_msgs/msg/Header"](stamp, "eye")
            pixels = np.full((8, 12, 3), (red, 9, 9), np.uint8)
            message = kinds[kind](header, 8, 12, "rgb8", 0, 36, pixels.ravel())
            bag.write(topic, seconds * 10**9 + 77, store.serialize_cdr(message, kind))
    out = tmp_path / "out"
    result = run(network, tmp_path / "drive", "--topic", "/eye/image", "--out", out, *QUICK)
    assert result.exit_code == 0, result.output
    assert (read_labels(out / "1000000005.png") == 0).all()
    assert (read_labels(out / "2000000005.png") == 2).all()


def fault(*arguments):
    result = run(*arguments)
    assert isinstance(result.exception, ConfigError | MapError | ModelError | DatasetError)
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_faults_of_input_are_named(network, images, tmp_path):
    out = ("--out", tmp_path / "out")
    assert "absent.onnx: expected" in fault(tmp_path / "absent.onnx", images, *out)
    assert "images: expected images (*.bmp), got none" in fault(
        network, images, *out, "--pattern", "*.bmp"
    )
    assert "--out: expected a folder outside of" in fault(network, images, "--out", images / "x")
    assert "bakend: unknown" in fault(network, images, *out, "--set", "bakend=torch")
    assert "backend: expected onnxruntime" in fault(network, images, *out, "--set", "backend=torch")
    assert not (tmp_path / "out").exists()
