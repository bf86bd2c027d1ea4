"""A tiny tree in the true format: label ids become train ids."""

import cv2
import numpy as np
import pytest

from semloc_ros.datasets.cityscapes import read_cityscapes, recognize, splits
from semloc_ros.errors import DatasetError

NAME = "aachen/aachen_000000_000019"
# road, sky, person, unlabelled, ego vehicle, rail track; bicycle, caravan, -1 as 255, ...
IDS = np.array([[7, 23, 24, 0, 1, 10], [33, 29, 255, 31, 20, 11]], np.uint8)
TRAIN_IDS = [[0, 10, 11, 255, 255, 255], [18, 255, 255, 16, 7, 2]]


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


@pytest.fixture
def folder(tmp_path):
    save(tmp_path / f"leftImg8bit/train/{NAME}_leftImg8bit.png", np.full((2, 6, 3), 9, np.uint8))
    save(tmp_path / f"gtFine/train/{NAME}_gtFine_labelIds.png", IDS)
    save(tmp_path / f"gtFine/train/{NAME}_gtFine_instanceIds.png", IDS.astype(np.uint16) * 1000)
    save(tmp_path / f"gtFine/train/{NAME}_gtFine_color.png", np.zeros((2, 6, 3), np.uint8))
    return tmp_path


def test_label_ids_become_train_ids(folder):
    (image,) = read_cityscapes(folder, "train")
    assert image.name == NAME
    assert image.read_labels().tolist() == TRAIN_IDS
    assert image.read_labels().dtype == np.uint8
    assert image.read().shape == (2, 6, 3)


def test_train_ids_are_read_where_label_ids_are_absent(folder):
    (folder / f"gtFine/train/{NAME}_gtFine_labelIds.png").unlink()
    save(folder / f"gtFine/train/{NAME}_gtFine_labelTrainIds.png", np.array(TRAIN_IDS, np.uint8))
    (image,) = read_cityscapes(folder, "train")
    assert image.read_labels().tolist() == TRAIN_IDS


def test_coarse_truth(folder):
    save(folder / f"leftImg8bit/train_extra/{NAME}_leftImg8bit.png", np.zeros((2, 6, 3), np.uint8))
    save(folder / f"gtCoarse/train_extra/{NAME}_gtCoarse_labelIds.png", IDS)
    (image,) = read_cityscapes(folder, "train_extra", truth="gtCoarse")
    assert image.read_labels().tolist() == TRAIN_IDS
    assert splits(folder) == ["train", "train_extra"]


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        (np.where(IDS == 10, np.uint8(34), IDS), "expected label ids 0-33 or 255, got 34"),
        (np.dstack([IDS, IDS, 255 - IDS]), "expected one value per pixel, got a colour image"),
        (IDS.astype(np.uint16), "expected 8 bits per pixel, got uint16"),
    ],
)
def test_a_wrong_label_image_is_one_line(folder, labels, complaint):
    save(folder / f"gtFine/train/{NAME}_gtFine_labelIds.png", labels)
    with pytest.raises(DatasetError, match=f"_labelIds.png: {complaint}") as fault:
        read_cityscapes(folder, "train")[0].read_labels()
    assert "\n" not in str(fault.value)


def test_missing_and_damaged_files_are_one_line(folder):
    labels = folder / f"gtFine/train/{NAME}_gtFine_labelIds.png"
    labels.write_bytes(b"no image")
    with pytest.raises(DatasetError, match="_labelIds.png: expected a label image, got not read"):
        read_cityscapes(folder, "train")[0].read_labels()
    labels.unlink()
    with pytest.raises(DatasetError, match="_labelIds.png: expected a label image, got no such"):
        read_cityscapes(folder, "train")
    with pytest.raises(DatasetError, match="leftImg8bit/val: expected <city>/.*, got none"):
        read_cityscapes(folder, "val")


def test_recognized_by_its_folders(folder, tmp_path):
    assert recognize(folder)
    assert not recognize(folder / "gtFine")
