"""The images of a map's views are found where the map was built from."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from semloc_ros.datasets.view_images import read_views, topic_images
from semloc_ros.errors import DatasetError
from semloc_ros.types import Camera

NAMES = ("left/0.png", "left/1.png")
TOPIC = "/eye/image_raw"


def views(names, stamps=(50_000_000, 150_000_000), width=8):
    """What of a map is asked."""
    camera = Camera("pinhole", width, 6, 10.0, 10.0, 3.5, 2.5)
    return SimpleNamespace(
        view_names=names, view_stamps_ns=np.array(stamps), view_cameras=np.zeros(len(names)),
        camera_of=lambda view: camera,
    )  # fmt: skip


def write(folder):
    for value, name in enumerate(NAMES):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((6, 8, 3), value, np.uint8))


@pytest.mark.parametrize("inside", ["", "sensors/records_data"])
def test_files_and_kapture_folders(tmp_path, inside):
    write(tmp_path / inside)
    found = read_views(tmp_path, views(NAMES))
    assert [int(found[name]().max()) for name in NAMES] == [0, 1]
    (tmp_path / inside / NAMES[1]).unlink()
    with pytest.raises(DatasetError, match="left/1.png: expected the image of a view, got no such"):
        read_views(tmp_path, views(NAMES))
    with pytest.raises(DatasetError, match="images of the map's views, such as left/0.png, got no"):
        read_views(tmp_path / "left", views(NAMES))


@pytest.fixture
def bag(tiny_bag, tmp_path):
    with tiny_bag() as written:
        for ms in (50, 150):
            written.raw_image(TOPIC, ms, np.full((6, 8, 3), ms, np.uint8), "rgb8")
    return tmp_path / "bag"


def test_bags_by_topic_and_stamp(bag):
    names = ("eye_image_raw/150000000", "eye_image_raw/50000000")
    found = read_views(bag, views(names, (150_000_000, 50_000_000)))
    assert [int(found[name]().max()) for name in names] == [150, 50]
    for stamps, kind, said in [
        ((150_000_000, 70_000_000), names, "the image of view eye_image_raw/50000000, got none"),
        ((0, 0), ("nose/0", "nose/1"), "the topic of view nose/0, got /eye/image_raw"),
    ]:
        with pytest.raises(DatasetError, match=said):
            read_views(bag, views(kind, stamps))
    other_size = read_views(bag, views(names, (150_000_000, 50_000_000), width=9))
    with pytest.raises(DatasetError, match="expected 9x6"):
        other_size[names[0]]()


def test_all_images_of_a_topic(bag):
    found = topic_images(bag, TOPIC)
    assert {stamp: int(read().max()) for stamp, read in found.items()} == {
        50_000_000: 50, 150_000_000: 150,
    }  # fmt: skip
