"""`semloc mask`, as a user types it: folders, worlds, videos and bags to files of masks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from label_networks import write_onnx
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from typer.testing import CliRunner

from semloc_ros.cli.main import app
from semloc_ros.errors import SemlocError

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

QUICK = ("--set", "threads=1", "--set", "device=cpu", "--set", "dilation=0.0")


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """What is red is dynamic."""
    write_onnx(tmp_path / "mine.onnx")
    text = "classes: [night, dusk, day]\ndynamic: [day]\nmean: [0, 0, 0]\nstd: [1, 1, 1]\n"
    (tmp_path / "mine.yaml").write_text(text)
    return tmp_path / "mine.onnx"


def picture(reds: int) -> np.ndarray:
    """(16, 24, 3) BGR, red in so many columns."""
    pixels = np.full((16, 24, 3), 30, np.uint8)
    pixels[:, :reds, 2] = 255
    return pixels


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name, reds in (("left/0.png", 0), ("left/1.jpg", 4), ("right/0.png", 8)):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture(reds))
    return tmp_path / "images"


def run(*arguments: object):
    return CliRunner().invoke(app, ["mask", *map(str, arguments), *QUICK])


def read(path: Path) -> np.ndarray:
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert found is not None and found.ndim == 2
    return found


def test_masks_of_a_folder_lie_as_its_images_do(network: Path, images: Path, tmp_path: Path):
    out = tmp_path / "out"
    result = run(images, "--model", network, "--out", out)
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "3 masks of day by mine" in said and "16.7 % of the pixels" in said
    for name, reds in (("left/0", 0), ("left/1", 4), ("right/0", 8)):
        found = read(out / f"{name}.png")
        assert found.dtype == np.uint8
        assert found.shape == (16, 24) and (found == np.where(np.arange(24) < reds, 255, 0)).all()


def test_the_other_polarity_pictures_and_numbers(network: Path, images: Path, tmp_path: Path):
    folders = {one: tmp_path / one for one in ("out", "overlays", "instances")}
    words = [word for name, folder in folders.items() for word in (f"--{name}", folder)]
    result = run(images, "--model", network, *words, "--polarity", "static", "--pattern", "0.*")
    assert result.exit_code == 0, result.output
    assert (read(folders["out"] / "right/0.png") == np.where(np.arange(24) < 8, 0, 255)).all()
    numbers = read(folders["instances"] / "right/0.png")
    assert numbers.dtype == np.uint16 and (numbers == (np.arange(24) < 8)).all()
    drawn = cv2.imread(str(folders["overlays"] / "right/0.jpg")).astype(int)
    assert np.abs(drawn - picture(8))[:, :7].max() > 30 > np.abs(drawn - picture(8))[:, 17:].max()
    assert not (folders["out"] / "left/1.png").exists(), "the pattern leaves it out"


def test_the_margin_and_the_cap_are_options(network: Path, images: Path, tmp_path: Path):
    words = ("--model", network, "--out", tmp_path / "out")
    assert run(images, *words, "--set", "mask_max_fraction=0.3").exit_code == 0
    assert not read(tmp_path / "out/right/0.png").any(), "a third is more"
    CliRunner().invoke(app, ["mask", *map(str, (images, *words)), "--set", "dilation=0.0417"])
    assert (read(tmp_path / "out/right/0.png") == np.where(np.arange(24) < 9, 255, 0)).all()


def test_frames_of_a_video_are_called_by_their_numbers(network: Path, tmp_path: Path):
    video = cv2.VideoWriter(
        str(tmp_path / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (48, 32)
    )
    for reds in (0, 16):
        video.write(picture(reds).repeat(2, 0).repeat(2, 1))
    video.release()
    result = run(tmp_path / "clip.avi", "--model", network, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["000000.png", "000001.png"]
    assert (read(tmp_path / "out/000001.png") > 0).mean() == pytest.approx(2 / 3, abs=0.05)


def test_images_of_a_bag_are_called_by_their_stamps(network: Path, tmp_path: Path):
    store = get_typestore(Stores.ROS2_JAZZY)
    kinds, kind = store.types, "sensor_msgs/msg/Image"
    with Writer(tmp_path / "drive", version=9, storage_plugin=StoragePlugin.MCAP) as bag:
        topic = bag.add_connection("/eye/image", kind, typestore=store)
        for seconds, reds in ((1, 0), (2, 12)):
            stamp = kinds["builtin_interfaces/msg/Time"](seconds, 5)
            header = kinds["std_msgs/msg/Header"](stamp, "eye")
            message = kinds[kind](header, 16, 24, "bgr8", 0, 72, picture(reds).ravel())
            bag.write(topic, seconds * 10**9, store.serialize_cdr(message, kind))
    words = ("--model", network, "--out", tmp_path / "out")
    result = run(tmp_path / "drive", "--topic", "/eye/image", *words)
    assert result.exit_code == 0, result.output
    assert not read(tmp_path / "out/1000000005.png").any()
    assert (read(tmp_path / "out/2000000005.png") > 0).mean() == 0.5
    assert "/other" in fault(tmp_path / "drive", "--topic", "/other", *words)


def test_images_of_a_kapture_folder_have_its_names(network: Path, tmp_path: Path):
    world = tmp_path / "world"
    frames = world / "frames" / "rain"
    (frames / "sensors" / "records_data" / "eye").mkdir(parents=True)
    cv2.imwrite(str(frames / "sensors/records_data/eye/7.png"), picture(6))
    (world / "world.json").write_text("{}")
    for name, text in {
        "sensors.txt": "# kapture format: 1.1\neye, , camera, PINHOLE, 24, 16, 20, 20, 12, 8\n",
        "trajectories.txt": "# kapture format: 1.1\n5, eye, 1, 0, 0, 0, 0, 0, 0\n",
        "records_camera.txt": "# kapture format: 1.1\n5, eye, eye/7.png\n",
    }.items():
        (frames / "sensors" / name).write_text(text)
    for source, name in ((frames, "eye/7.png"), (world, "rain/eye/7.png")):
        out = tmp_path / f"out_{source.name}"
        result = run(source, "--model", network, "--out", out)
        assert result.exit_code == 0, (result.output, result.exception)
        assert (read(out / name) > 0).mean() == pytest.approx(1 / 6, abs=0.05)


def fault(*arguments: object) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, SemlocError), result.exception
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_faults_of_input_are_named(network: Path, images: Path, tmp_path: Path):
    words = ("--model", network, "--out", tmp_path / "out")
    assert "absent: expected images, a video or a bag" in fault(tmp_path / "absent", *words)
    assert "mine.yaml: expected a folder, a bag or a video" in fault(tmp_path / "mine.yaml", *words)
    assert "expected images (*.bmp), got none" in fault(images, *words, "--pattern", "*.bmp")
    assert "--polarity: expected dynamic or static" in fault(images, *words, "--polarity", "white")
    for option in ("--out", "--overlays", "--instances"):
        line = f"{option}: expected a folder outside of"
        assert line in fault(images, *words, option, images / "masks")
    assert "scor: unknown" in fault(images, *words, "--set", "scor=0.5")
    assert "none.onnx: expected" in fault(images, "--model", "none.onnx", "--out", tmp_path / "out")
    cv2.imwrite(str(images / "left/0.bmp"), picture(1))
    assert "differ by more than the ending, got left/0 twice" in fault(images, *words)
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").write_text("a file")
    (images / "left/0.bmp").unlink()
    assert "expected a file that can be written" in fault(images, *words)
