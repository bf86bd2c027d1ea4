"""Both forms of CamVid in tiny trees, and the real frames in SegNet's form."""

import cv2
import numpy as np
import pytest

from semloc_ros import classes
from semloc_ros.datasets.camvid import read_camvid, recognize, splits
from semloc_ros.errors import DatasetError

ALL_CLASSES = np.arange(12, dtype=np.uint8).reshape(2, 6)
TRAIN_IDS = [[10, 2, 5, 0, 1, 8], [7, 4, 13, 11, 12, 255]]
COLORS = "128 64 128\tRoad\n64 0 128\t\tCar\n192 128 192\tTruck_Bus\n64 192 0\tWall\n0 0 0 Void\n"


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


@pytest.fixture
def merged(tmp_path):
    for name in ("0001TP_006720", "0001TP_006690"):
        save(tmp_path / "train" / f"{name}.png", np.full((2, 6, 3), 7, np.uint8))
        save(tmp_path / "trainannot" / f"{name}.png", ALL_CLASSES)
    return tmp_path


@pytest.fixture
def original(tmp_path):
    labels = np.array(
        [[(128, 64, 128), (64, 0, 128), (192, 128, 192)], [(64, 192, 0), (0, 0, 0), (1, 2, 3)]]
    )
    save(tmp_path / "701_StillsRaw_full/0001TP_006690.png", np.full((2, 3, 3), 7, np.uint8))
    save(tmp_path / "LabeledApproved_full/0001TP_006690_L.png", labels[..., ::-1].astype(np.uint8))
    (tmp_path / "label_colors.txt").write_text(COLORS)
    return tmp_path


def test_the_merged_classes_become_train_ids(merged):
    images = read_camvid(merged, "train")
    assert [image.name for image in images] == ["0001TP_006690", "0001TP_006720"]
    assert images[0].read_labels().tolist() == TRAIN_IDS
    assert images[0].read().shape == (2, 6, 3)
    assert splits(merged) == ["train"]


def test_the_list_gives_the_order_and_may_name_another_machine(merged):
    line = "/SegNet/CamVid/train/{0}.jpg /SegNet/CamVid/trainannot/{0}.png\n"
    listed = merged / "train.txt"
    listed.write_text(line.format("0001TP_006720") + line.format("0001TP_006690"))
    assert [image.name[-2:] for image in read_camvid(merged, "train")] == ["20", "90"]
    listed.write_text("/SegNet/CamVid/train/a.png\n")
    with pytest.raises(DatasetError, match="train.txt line 1: expected 2 fields"):
        read_camvid(merged, "train")
    listed.write_bytes(b"\xff\xfe")
    with pytest.raises(DatasetError, match="train.txt: expected a line per image, got no text"):
        read_camvid(merged, "train")
    listed.write_text(line.format("0001TP_000000"))
    with pytest.raises(DatasetError, match="train.txt line 1: expected an existing image"):
        read_camvid(merged, "train")


def test_the_colours_of_the_original_become_train_ids(original):
    (image,) = read_camvid(original)
    assert image.name == "0001TP_006690"
    assert image.read_labels().tolist() == [[0, 13, 255], [3, 255, 255]]


def test_broken_labels_are_one_line(merged):
    path = merged / "trainannot" / "0001TP_006690.png"
    save(path, ALL_CLASSES + 1)
    with pytest.raises(DatasetError, match="6690.png: expected classes 0-11 or 255, got 12"):
        read_camvid(merged, "train")[0].read_labels()
    path.unlink()
    with pytest.raises(DatasetError, match="6690.png: expected a label image, got no such file"):
        read_camvid(merged, "train")
    with pytest.raises(DatasetError, match=r"test: expected \*.png or \*.jpg, got none"):
        read_camvid(merged, "test")


def test_a_broken_original_is_one_line(original):
    save(original / "LabeledApproved_full/0001TP_006690_L.png", np.full((2, 3, 3), 3, np.uint8))
    with pytest.raises(DatasetError, match="_L.png: expected colours of label_colors.txt"):
        read_camvid(original)[0].read_labels()
    (original / "label_colors.txt").write_text("128 64 128 Rode\n")
    with pytest.raises(DatasetError, match="label_colors.txt line 1: expected R G B and a class"):
        read_camvid(original)
    (original / "label_colors.txt").unlink()
    with pytest.raises(DatasetError, match="label_colors.txt: expected lines R G B name, got no"):
        read_camvid(original)


def test_both_forms_are_recognized(merged, original, tmp_path):
    assert recognize(merged)
    assert recognize(original)
    assert not recognize(tmp_path / "train")


def test_the_real_frames(shared_data):
    folder = shared_data("camvid")
    assert recognize(folder)
    images = read_camvid(folder, "train")
    assert (len(images), len(read_camvid(folder, "val"))) == (367, 101)
    counts = np.zeros(256, np.int64)
    lower = np.zeros(256, np.int64)
    for image in images[::30]:
        labels = image.read_labels()
        assert labels.shape == image.read().shape[:2] == (360, 480)
        counts += np.bincount(labels.ravel(), minlength=256)
        lower += np.bincount(labels[240:].ravel(), minlength=256)
    # road and sky lie where they lie in streets
    assert lower[classes.ROAD] > 0.8 * counts[classes.ROAD] > 0
    assert lower[classes.SKY] < 0.05 * counts[classes.SKY]
    assert counts[classes.UNKNOWN] < 0.1 * counts.sum()
