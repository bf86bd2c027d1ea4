"""A tiny dataset folder of a world, as `semloc world make` lays it out."""

import dataclasses
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from semloc_ros.datasets.catalog import format_of
from semloc_ros.datasets.world_folder import (
    MOVING,
    read_true_masks,
    read_view_labels,
    read_world_images,
    read_world_labels,
    recognize,
)
from semloc_ros.errors import DatasetError


@pytest.fixture
def folder(tmp_path, known_pose, write_image):
    (tmp_path / "world.json").write_text("{}")
    run = tmp_path / "frames" / "summer"
    turn = ", ".join(map(str, known_pose.wxyz))
    move = ", ".join(map(str, known_pose.camera_from_map[:3, 3]))
    tables = {
        "sensors": "left, left, camera, PINHOLE, 8, 6, 10.0, 10.0, 3.5, 2.5\n",
        "rigs": "base_link, left, 1, 0, 0, 0, 0, 0, 0\n",
        "trajectories": f"5, base_link, {turn}, {move}\n6, base_link, {turn}, {move}\n",
        "records_camera": "5, left, left/000000.jpg\n6, left, left/000001.jpg\n",
    }
    for index in (0, 1):
        write_image(run / "sensors" / "records_data" / "left" / f"{index:06d}.jpg")
    for name, text in tables.items():
        (run / "sensors" / f"{name}.txt").write_text(f"# kapture format: 1.1\n{text}")
    labels = run / "truth" / "left" / "000001.labels.png"
    labels.parent.mkdir(parents=True)
    cv2.imwrite(str(labels), np.full((6, 8), 10, np.uint8))  # sky
    motions = np.repeat([[0, 0, 64, 64, 128, 128, 255, 255]], 6, 0)
    cv2.imwrite(str(labels.with_name("000001.motions.png")), motions)
    return tmp_path


def test_images_and_labels_of_a_traversal(folder, known_pose):
    assert recognize(folder)
    (images,) = read_world_images(folder).values()
    known_pose.check(images[0])
    assert [image.stamp_ns for image in images] == [5, 6]
    (labelled,) = read_world_labels(folder)["summer"]
    assert labelled.name == "left/000001.jpg"
    assert (labelled.read_labels() == 10).all()


def map_of(images):
    """Only what tells views apart."""
    return SimpleNamespace(
        view_names=[f"topic/{image.stamp_ns}" for image in images],
        view_stamps_ns=np.array([image.stamp_ns for image in images]),
        camera_from_map=np.stack([image.camera_from_map for image in images]),
    )


def test_views_of_a_map_find_their_truth_by_stamp_and_pose(folder):
    (images,) = read_world_images(folder).values()
    (read,) = read_view_labels(folder, map_of(images[1:])).values()
    assert (read() == 10).all()
    with pytest.raises(DatasetError, match="taken when and where view topic/5 was, got none"):
        read_view_labels(folder, map_of(images))  # the first has no truth
    turned = map_of(images[1:])
    turned.camera_from_map = turned.camera_from_map[:, [1, 2, 0, 3]]
    with pytest.raises(DatasetError, match="taken when and where view topic/6 was, got none"):
        read_view_labels(folder, turned)


def test_the_folder_of_one_traversal(folder):
    run = folder / "frames" / "summer"
    assert recognize(run)
    assert list(read_world_images(run)) == ["summer"]


def test_the_labels_are_drawn(folder):
    contents = format_of(folder).load(folder)
    assert dict(contents.counts) == {"images, summer": 2, "labelled, summer": 1}
    plain, drawn = (sample.read().astype(int)[3, 4] for sample in contents.samples)
    assert abs(plain[2] - plain[0]) < 10
    assert drawn[2] - drawn[0] > 30


def test_faults_are_one_line(folder, tmp_path):
    labels = folder / "frames" / "summer" / "truth" / "left" / "000001.labels.png"
    cv2.imwrite(str(labels), np.full((6, 8), 77, np.uint8))
    (labelled,) = read_world_labels(folder)["summer"]
    with pytest.raises(DatasetError, match=r"labels.png: expected train ids 0-18 or 255, got 77"):
        labelled.read_labels()
    with pytest.raises(DatasetError, match="expected frames/TRAVERSAL/sensors"):
        read_world_images(tmp_path / "nothing")
    (folder / "frames" / "summer" / "sensors" / "rigs.txt").write_text("base_link, left\n")
    with pytest.raises(DatasetError, match=r"rigs.txt line 1: expected at least 9 fields"):
        read_world_images(folder)


def test_true_masks_are_found_by_stamp_and_pose(folder):
    (images,) = read_world_images(folder).values()
    mask_of = read_true_masks(folder)
    named_otherwise = dataclasses.replace(images[1], name="topic/6")
    assert np.array_equal(mask_of(named_otherwise), [[0, 0, 0, 0, 255, 255, 255, 255]] * 6)
    moving_of = read_true_masks(folder, MOVING)
    assert np.array_equal(moving_of(images[1]), [[0, 0, 0, 0, 0, 0, 255, 255]] * 6)
    for image in (images[0], dataclasses.replace(images[1], stamp_ns=7)):
        with pytest.raises(DatasetError, match=f"taken when and where image {image.name} was"):
            mask_of(image)
