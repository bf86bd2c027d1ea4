"""Label maps beside a bag: which files belong to which images, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from semloc_ros.errors import DatasetError, InputError, MapError
from semloc_ros.evaluation.label_sources import find_labels
from semloc_ros.evaluation.stream import IMAGE, LABELS, ODOMETRY, Event
from semloc_ros.perception.cluster_labels import ClusterLabels, fit

STAMPS = (1_700_000_000_013_700_000, 1_700_000_000_513_700_000)
FINE = np.full((4, 6), 300, np.uint16)
COARSE = np.full((4, 6), 7, np.uint8)
TOPIC = "/left/image_raw"


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """One with a topic and without messages."""
    store = get_typestore(Stores.ROS2_JAZZY)
    with Writer(tmp_path / "drive", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        writer.add_connection("/labels", "sensor_msgs/msg/Image", typestore=store)
    return tmp_path / "drive"


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """A dataset folder of two cameras; the second image of the left one has no labels."""
    folder = tmp_path / "frames" / "summer"
    (folder / "sensors").mkdir(parents=True)
    head = "# kapture format: 1.1\n"
    rows = [
        f"{stamp}, {camera}, {camera}/{number:06d}.jpg\n"
        for number, stamp in enumerate(STAMPS) for camera in ("left", "right")
    ]  # fmt: skip
    (folder / "sensors" / "records_camera.txt").write_text(head + "".join(rows))
    lenses = [f"{one}, {one}, camera, PINHOLE, 6, 4, 5, 5, 3, 2\n" for one in ("left", "right")]
    (folder / "sensors" / "sensors.txt").write_text(head + "".join(lenses))
    write(folder / "truth" / "left" / "000000.labels.png", COARSE)
    write(folder / "truth" / "right" / "000000.labels.png", COARSE + 1)
    return folder


def write(path: Path, labels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), labels)


def events() -> list[Event]:
    images = [Event(stamp + 9, stamp, IMAGE, "pixels", stamp, "camera") for stamp in STAMPS]
    return [images[0], Event(STAMPS[0] + 10, STAMPS[0], ODOMETRY, "pose", STAMPS[0]), images[1]]


def beside(source: str, bag: Path, topic: str = TOPIC) -> list[Any]:
    files = find_labels(source, bag, topic)
    assert files is not None
    files.check(STAMPS)
    return [one for one in files.beside(events()) if one.kind == LABELS]


def test_a_topic_of_the_bag_is_no_file(bag: Path) -> None:
    assert find_labels("/labels", bag, TOPIC) is None


def test_files_are_found_by_stamp_and_come_with_their_image(bag: Path, tmp_path: Path) -> None:
    write(tmp_path / "maps" / f"{STAMPS[1]}.png", FINE)
    write(tmp_path / "maps" / "readme.png", FINE)
    files = find_labels(str(tmp_path / "maps"), bag, TOPIC)
    assert files is not None
    found = list(files.beside(events()))
    assert [one.kind for one in found] == [IMAGE, ODOMETRY, LABELS, IMAGE]
    labels, image = found[2:]
    assert (labels.at_ns, labels.stamp_ns, labels.origin_ns) == (image.at_ns, STAMPS[1], STAMPS[1])
    assert labels.value.dtype == np.uint16
    np.testing.assert_array_equal(labels.value, FINE)


def test_a_worlds_truth_is_found_by_its_records(bag: Path, frames: Path) -> None:
    (found,) = beside(str(frames), bag)
    assert found.stamp_ns == STAMPS[0]
    np.testing.assert_array_equal(found.value, COARSE)
    (found,) = beside(str(frames), bag, "/right/image_raw")
    np.testing.assert_array_equal(found.value, COARSE + 1)


def test_labels_elsewhere_take_the_records_of_a_world(
    bag: Path, frames: Path, tmp_path: Path
) -> None:
    write(tmp_path / "fine" / "left" / "000001.png", FINE)
    (found,) = beside(f"{tmp_path / 'fine'}@{frames}", bag)
    assert found.stamp_ns == STAMPS[1]
    np.testing.assert_array_equal(found.value, FINE)


def test_a_broken_file_is_an_error_of_that_image_alone(bag: Path, frames: Path) -> None:
    (frames / "truth" / "left" / "000001.labels.png").write_text("torn")
    good, broken = beside(str(frames), bag)
    assert isinstance(good.value, np.ndarray)
    assert isinstance(broken.value, MapError) and "000001.labels.png" in str(broken.value)


def test_wrong_sources_are_one_line(bag: Path, frames: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "other" / "5.png", FINE)
    cases = {
        "/lables": "a topic of .*drive, a model, a folder, or LABELS@FRAMES, got none of them",
        str(tmp_path / "empty"): "expected files STAMP.png or sensors/records_camera.txt",
        f"{tmp_path / 'empty'}@{frames}": "expected label maps such as .*/left/00000.*, got none",
        f"{frames}@{tmp_path / 'empty'}": "empty/sensors",
        str(tmp_path / "other"): "at the stamps of the bag's images, got none of 1",
    }
    for source, said in cases.items():
        with pytest.raises(DatasetError, match=f"^--labels .*{said}") as refused:
            beside(source, bag)
        assert "\n" not in str(refused.value)
    with pytest.raises(DatasetError, match="a camera of the topic /rear/image_raw, got left, righ"):
        find_labels(str(frames), bag, "/rear/image_raw")


@pytest.fixture
def clusters(tmp_path: Path) -> Path:
    """A model of three labels."""
    rng = np.random.default_rng(0)
    model = fit([rng.integers(0, 255, (24, 24, 3), np.uint8)], 3, seed=0)
    model.save(tmp_path / "room.npz")
    return tmp_path / "room.npz"


def test_a_model_labels_each_image_that_is_whole(bag: Path, clusters: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (16, 20, 3), np.uint8)
    torn = DatasetError("torn")
    images = [
        Event(9, stamp, IMAGE, value, stamp, "camera")
        for stamp, value in zip(STAMPS, (pixels, torn), strict=True)
    ]
    source = find_labels(str(clusters), bag, TOPIC)
    assert source is not None
    source.check(STAMPS)
    labels, image, broken = source.beside(images)
    assert [labels.kind, image.kind, broken.kind] == [LABELS, IMAGE, IMAGE]
    assert (labels.stamp_ns, labels.at_ns) == (STAMPS[0], 9) and broken.value is torn
    np.testing.assert_array_equal(labels.value, ClusterLabels.load(clusters).label(pixels))


def test_an_image_that_the_model_does_not_take_has_a_fault_for_labels(
    bag: Path, clusters: Path
) -> None:
    source = find_labels(str(clusters), bag, TOPIC)
    assert source is not None
    wrong = Event(9, STAMPS[0], IMAGE, np.zeros((4, 4), np.uint16), STAMPS[0], "camera")
    labels, _ = source.beside([wrong])
    assert isinstance(labels.value, InputError) and labels.kind == LABELS


def test_a_model_that_is_not_there_is_one_line(bag: Path, tmp_path: Path) -> None:
    with pytest.raises(MapError, match="absent.npz: expected a label model"):
        find_labels(str(tmp_path / "absent.npz"), bag, TOPIC)
