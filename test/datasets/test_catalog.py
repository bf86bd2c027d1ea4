"""Each format is known by its own files, and no other takes it."""

import dataclasses

import cv2
import numpy as np
import pytest

from semloc_ros.datasets.catalog import FORMATS, format_of, load
from semloc_ros.errors import DatasetError

TREES = {
    "world": ["world.json", "frames/summer/sensors/sensors.txt"],
    "kapture": ["mapping/sensors/sensors.txt"],
    "virtual_gallery": ["training/gallery_light1_loop1/extrinsic.txt"],
    "baidu_mall": ["training_images_undistort/a.jpg", "training_gt/a.camera"],
    "cambridge": ["dataset_train.txt", "reconstruction.nvm", "seq1/frame00001.png"],
    "extended_cmu": ["slice2/ground-truth-database-images-slice2.txt", "intrinsics.txt"],
    "robotcar_seasons": ["robotcar_v2_train.txt", "images/overcast-reference/rear/1.jpg"],
    "seven_scenes": ["seq-01/frame-000000.color.png", "TrainSplit.txt"],
    "cross_season": ["correspondence_data/correspondence_run1_run2.mat", "images/a.jpg"],
    "stromovka": ["12x5/ground_truth/location_1.txt", "12x5/images/0101.jpg"],
    "cityscapes": ["leftImg8bit/train/ulm/a_leftImg8bit.png", "gtFine/train/ulm/a.png"],
    "camvid": ["train/a.png", "trainannot/a.png"],
    "utm_places": ["images/test/database/@500000.0@4000000.0@.jpg"],
    "static_clips": ["highway/input/in000001.jpg", "highway/groundtruth/gt000001.png"],
    "paired_places": ["query/0.jpg", "ref/0.jpg"],
    "rosbag": ["metadata.yaml", "bag_0.mcap"],
    "images": ["a.jpg", "b/c.png"],
}


@pytest.mark.parametrize("name", [one.name for one in FORMATS])
def test_a_format_is_known_by_its_files(name, tmp_path):
    for file in TREES[name]:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert format_of(tmp_path).name == name


def test_another_folder_is_one_line_that_names_the_formats(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DatasetError, match="expected one of world, .*, rosbag, images, got none"):
        format_of(tmp_path)
    with pytest.raises(DatasetError, match="expected the folder of a data set, got nothing there"):
        format_of(tmp_path / "nothing")


def test_a_folder_of_data_sets_names_those_inside(tmp_path):
    for file in ("a.bag", "b/mapping/sensors/sensors.txt", "c/notes.txt"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    with pytest.raises(DatasetError, match=r"none of their files; inside, these are: a.bag, b$"):
        format_of(tmp_path)


def test_what_the_file_system_refuses_is_one_line(tmp_path):
    with pytest.raises(DatasetError, match="expected a file or folder to read, got File name too"):
        format_of(tmp_path / ("a" * 300))

    def refuse(folder):
        raise PermissionError(13, "Permission denied", "a/b")

    broken = dataclasses.replace(FORMATS[0], load=refuse)
    with pytest.raises(DatasetError, match="a/b: expected a file .*, got Permission denied"):
        load(broken, tmp_path)


def test_splits_without_labels_are_told(tmp_path, write_image):
    for name in ("train/a.png", "trainannot/a.png", "val/b.png"):
        write_image(tmp_path / name)
    contents = format_of(tmp_path).load(tmp_path)
    assert dict(contents.counts) == {"labelled images, train": 1}
    assert contents.warnings == ("val: images without labels, not read",)


@pytest.mark.parametrize(
    ("folder", "name", "counts"),
    [
        ("virtual_gallery", "kapture", {"mapping images": 12, "queries with poses": 2}),
        ("redkitchen", "seven_scenes", {"mapping images": 750, "depth images": 30}),
        ("camvid", "camvid", {"labelled images, train": 367, "labelled images, val": 101}),
        ("cdnet_highway", "static_clips", {"frames of cdnet_highway": 1200}),
        ("bags/nav2_turtlebot.mcap", "rosbag", {"/odom (Odometry)": 2639}),
        ("corridor", "paired_places", {"image pairs": 111}),
    ],
)
def test_real_data_is_known_and_counted(shared_data, folder, name, counts):
    path = shared_data(folder)
    found = format_of(path)
    assert found.name == name
    contents = found.load(path)
    assert counts.items() <= dict(contents.counts).items()
    assert contents.samples or name == "rosbag"
    for sample in contents.samples[:1]:
        assert sample.read().ndim == 3


def test_cityscapes_is_loaded_by_split(tmp_path, write_image):
    for split in ("train", "val"):
        write_image(tmp_path / "leftImg8bit" / split / "ulm" / "ulm_0_leftImg8bit.png")
        labels = tmp_path / "gtFine" / split / "ulm" / "ulm_0_gtFine_labelIds.png"
        labels.parent.mkdir(parents=True)
        cv2.imwrite(str(labels), np.full((6, 8), 23, np.uint8))  # sky
    write_image(tmp_path / "leftImg8bit" / "test" / "bonn" / "bonn_0_leftImg8bit.png")
    contents = format_of(tmp_path).load(tmp_path)
    assert dict(contents.counts) == {"labelled images, train": 1, "labelled images, val": 1}
    assert contents.warnings == ("test: images without labels, not read",)
    red, _, blue = contents.samples[0].read()[3, 4]
    assert blue > red + 30


def test_places_are_loaded_by_part(tmp_path, write_image):
    for part, east in (("database", 500_000), ("queries", 500_010)):
        name = f"@{east}.0@4000000.0@10@S@@@@@90@@@@@@.jpg"
        write_image(tmp_path / "images" / "test" / part / name)
    contents = format_of(tmp_path).load(tmp_path)
    assert dict(contents.counts) == {"images, test database": 1, "images, test queries": 1}
    assert np.allclose(contents.poses["test queries"][0, 2, :3], [1, 0, 0])  # looks east


def test_a_database_without_queries_is_read(tmp_path, write_image):
    write_image(tmp_path / "images" / "val" / "database" / "@500000.0@4000000.0@.jpg")
    contents = format_of(tmp_path).load(tmp_path)
    assert dict(contents.counts) == {"images, val database": 1}


def test_pairs_are_loaded_with_their_points(tmp_path, write_image):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "correspondence_data" / "correspondence_a_b.mat"
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        for name, image in (("im_i_path", "a.png"), ("im_j_path", "b.png")):
            write_image(tmp_path / "images" / image)
            file[name] = np.array([[ord(letter)] for letter in image], np.uint16)
        file["pt_i"] = file["pt_j"] = np.array([[1.0, 2.0], [3.0, 4.0]])
    contents = format_of(tmp_path).load(tmp_path)
    assert list(contents.counts.values()) == [1, 2]
    assert contents.samples[0].read().shape == (6, 16, 3)
