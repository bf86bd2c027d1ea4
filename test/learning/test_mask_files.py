"""Mined masks on disk, as COCO, and as a video."""

import cv2
import numpy as np
import pytest

from semloc_ros.config.mining import MiningConfig
from semloc_ros.errors import DatasetError, InputError
from semloc_ros.learning.mask_files import MaskFolder
from semloc_ros.learning.mask_mining import MinedMask
from semloc_ros.learning.mask_overlays import OverlayVideo, draw_mask
from semloc_ros.options import load_yaml


@pytest.fixture
def mined():
    values = np.zeros((40, 60), np.uint8)
    values[5:15, 5:25] = 255
    values[20:30, 40:50] = 255
    values[35:38, 10:20] = 170
    return MinedMask("clip", 7, np.full((40, 60, 3), 90, np.uint8), values)


def test_any_trainer_reads_the_instances(tmp_path, mined):
    coco = pytest.importorskip("pycocotools.coco")
    folder = MaskFolder(tmp_path / "out", MiningConfig(queries=9))
    assert folder.add(mined) == 2
    folder.close()
    found = coco.COCO(tmp_path / "out" / "instances.json")
    image = found.loadImgs(found.getImgIds())[0]
    assert (image["file_name"], image["width"], image["height"]) == ("clip_000007.jpg", 60, 40)
    assert [one["name"] for one in found.loadCats(found.getCatIds())] == ["dynamic"]
    moving, crowd = (
        found.loadAnns(found.getAnnIds(imgIds=image["id"], iscrowd=crowd))
        for crowd in (False, True)
    )
    assert [one["bbox"] for one in moving] == [[5, 5, 20, 10], [40, 20, 10, 10]]
    assert [one["area"] for one in moving] == [200, 100]
    together = sum(found.annToMask(one) for one in moving)
    np.testing.assert_array_equal(together > 0, mined.moving)
    np.testing.assert_array_equal(found.annToMask(crowd[0]) > 0, mined.values == 170)


def test_masks_images_and_options_lie_beside(tmp_path, mined):
    pytest.importorskip("pycocotools")
    folder = MaskFolder(tmp_path / "out", MiningConfig(queries=9))
    folder.add(mined)
    mask = cv2.imread(str(tmp_path / "out" / "masks" / "clip_000007.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(mask, mined.values)
    assert cv2.imread(str(tmp_path / "out" / "images" / "clip_000007.jpg")).shape == (40, 60, 3)
    assert load_yaml(MiningConfig, tmp_path / "out" / "mining.yaml") == MiningConfig(queries=9)


def test_a_folder_in_use_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(DatasetError, match="expected a new folder, got other files"):
        MaskFolder(tmp_path, MiningConfig())


def test_what_cannot_be_written_is_one_line(tmp_path, mined):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="out: expected a folder that can be written, got"):
        MaskFolder(tmp_path / "file" / "out", MiningConfig())
    folder = MaskFolder(tmp_path / "out", MiningConfig())
    (tmp_path / "out" / "masks").rmdir()
    with pytest.raises(DatasetError, match="that can be written, got clip_000007 is not written"):
        folder.add(mined)


def test_overlays(tmp_path, mined):
    drawn = draw_mask(mined)
    assert (drawn[0, 0] == 90).all()
    assert drawn[10, 10].tolist() == [45, 172, 45]
    assert drawn[36, 15].tolist() == [172, 155, 45]
    video = OverlayVideo(tmp_path / "a.mp4", (40, 60), 0.0)
    for _ in range(3):
        video.add(mined)
    video.close()
    capture = cv2.VideoCapture(str(tmp_path / "a.mp4"))
    read, image = capture.read()
    assert read and image.shape == (40, 60, 3)
    assert image[10, 10, 1] > image[10, 10, 0] + 50
    with pytest.raises(InputError, match=r"a.gif: expected .avi or .mp4, got .gif"):
        OverlayVideo(tmp_path / "a.gif", (40, 60), 10.0)
