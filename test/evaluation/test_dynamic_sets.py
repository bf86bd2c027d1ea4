"""Truth of what is dynamic, from each form of data."""

import json

import cv2
import numpy as np
import pytest
from dynamic_data import save, write_camvid, write_cityscapes, write_clip

from semloc_ros.datasets.static_clips import read_static_clip
from semloc_ros.errors import DatasetError
from semloc_ros.evaluation.dynamic_quality import group_of
from semloc_ros.evaluation.dynamic_sets import read_dynamic_set
from semloc_ros.types import UNSURE


def test_clips_have_the_frames_with_truth_and_what_stands_is_static(tmp_path):
    write_clip(tmp_path / "clips" / "road")
    write_clip(tmp_path / "clips" / "park", frames=3)
    found = read_dynamic_set(tmp_path / "clips")
    assert (found.name, found.has_objects) == ("clips", False)
    names = [one.name for one in found.images]
    assert names == ["park/000001", "park/000002", "road/000001", "road/000002", "road/000003"]
    truth = found.images[0].read_instances()
    assert (truth[:, :8] == 1).all() and (truth[:, 8:28] == 0).all()
    assert (truth[:, 28:] == UNSURE).all()
    assert found.images[0].read().shape == (16, 32, 3)
    later = read_dynamic_set(tmp_path / "clips", first=2)
    assert [one.name for one in later.images] == names[1:2] + names[3:]
    with pytest.raises(DatasetError, match=r"clips: expected frames with truth from number 9 on"):
        read_dynamic_set(tmp_path / "clips", first=9)


def test_classes_that_can_move_are_dynamic_and_unlabelled_is_unsure(tmp_path):
    found = read_dynamic_set(write_camvid(tmp_path / "camvid"))
    (image,) = found.images
    assert (image.name, found.has_objects) == ("val/0001", False)
    truth = image.read_instances()
    assert (truth[:, :16] == 1).all() and (truth[:, 16:24] == 0).all()
    assert (truth[:, 24:] == UNSURE).all()


def test_cityscapes_by_city_object_by_object(tmp_path):
    found = read_dynamic_set(write_cityscapes(tmp_path / "cityscapes"))
    assert found.has_objects
    assert [group_of(one.name) for one in found.images] == ["frankfurt", "lindau"]
    counts = [len(np.unique(one.read_instances())) - 1 for one in found.images]
    assert counts == [2, 3]


def test_mined_masks_are_no_clips_though_a_video_lies_beside_them(tmp_path):
    save(tmp_path / "images" / "road_000004.jpg", np.zeros((8, 12, 3), np.uint8))
    image = {"id": 1, "file_name": "road_000004.jpg", "width": 12, "height": 8}
    category = {"id": 1, "name": "dynamic"}
    content = {"images": [image], "annotations": [], "categories": [category]}
    (tmp_path / "instances.json").write_text(json.dumps(content))
    writer = cv2.VideoWriter(
        str(tmp_path / "road.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 5.0, (64, 48)
    )
    writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    found = read_dynamic_set(tmp_path)
    assert [one.name for one in found.images] == ["road/000004"] and found.has_objects
    assert read_dynamic_set(tmp_path / "instances.json").name == "instances"


def test_images_are_chosen_evenly_in_each_group(tmp_path):
    write_clip(tmp_path / "road", frames=8)
    write_clip(tmp_path / "park", frames=3)
    chosen = read_dynamic_set(tmp_path).spread(3)
    assert [one.name for one in chosen.images] == [
        "park/000001", "park/000002", "road/000001", "road/000004", "road/000007",
    ]  # fmt: skip
    assert len(chosen.spread(0).images) == 5


def test_highway(shared_data):
    found = read_dynamic_set(shared_data("cdnet_highway"), first=470).spread(3)
    assert found.images[0].name == "cdnet_highway/000470"
    image = found.images[1]
    given = read_static_clip(shared_data("cdnet_highway")).read_truth(int(image.name[-6:]))
    truth = image.read_instances()
    np.testing.assert_array_equal((truth > 0) & (truth != UNSURE), given == 255)
    assert (given == 255).any() and (truth == UNSURE).sum() == np.isin(given, (85, 170)).sum()


def test_a_folder_without_truth_is_one_line(tmp_path):
    with pytest.raises(DatasetError, match=r"expected a world, .* got something else"):
        read_dynamic_set(tmp_path)
