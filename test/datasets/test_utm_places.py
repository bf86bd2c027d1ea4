"""Names that hold positions, and which images show the same place."""

import math

import cv2
import numpy as np
import pytest

from semloc_ros.datasets.utm_places import read_utm_places, recognize, same_places, splits
from semloc_ros.errors import DatasetError

PITTS = "@0584000.50@4477010.25@17@T@040.43950@-079.99729@pano-1_b@3@090.00@@@@201606@@.jpg"
SHORT = "@0584020.50@4477010.25@.jpg"
FAR = "@0584000.50@4477040.25@17@T@@@@@@@@@@@.png"
NORDLAND = "@0@00002.3@@@@@1@@@@@@@@.jpg"
QUERY = "@0584000.50@4477010.25@17@T@@@@@-45@@@@@@.jpg"


@pytest.fixture
def folder(tmp_path):
    base = tmp_path / "pitts" / "images" / "test"
    for name in (
        f"database/003/{PITTS}",
        f"database/{SHORT}",
        f"database/{FAR}",
        f"queries/{QUERY}",
    ):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(base / name), np.full((4, 6, 3), 50, np.uint8))
    return tmp_path / "pitts"


def test_position_and_heading_come_from_the_name(folder):
    database = read_utm_places(folder, "test")
    assert [image.name for image in database] == [f"003/{PITTS}", FAR, SHORT]
    assert database[0].position_xy.tolist() == [584000.5, 4477010.25]
    assert database[0].heading == pytest.approx(math.pi / 2)
    assert [image.heading for image in database[1:]] == [None, None]
    assert database[1].read().shape == (4, 6, 3)
    (query,) = read_utm_places(folder, "test", "queries")
    assert query.heading == pytest.approx(-math.pi / 4)


def test_a_made_up_position_without_zone(tmp_path):
    path = tmp_path / "images" / "test" / "queries" / NORDLAND
    path.parent.mkdir(parents=True)
    path.with_name("readme.txt").write_bytes(b"")
    (path.parent.parent / "database").mkdir()
    path.write_bytes(b"")
    (query,) = read_utm_places(tmp_path, "test", "queries")
    assert (query.position_xy.tolist(), query.heading) == ([0.0, 2.3], None)


def test_the_same_place_is_at_most_25_metres_away(folder):
    database = read_utm_places(folder, "test")
    queries = read_utm_places(folder, "test", "queries")
    assert [rows.tolist() for rows in same_places(queries, database)] == [[0, 2]]
    assert [rows.tolist() for rows in same_places(queries, database, 30.0)] == [[0, 1, 2]]
    assert [rows.tolist() for rows in same_places(queries, database[1:], 5.0)] == [[]]
    assert [rows.tolist() for rows in same_places(queries, [])] == [[]]


def test_a_folder_with_and_without_splits(folder):
    assert splits(folder) == ["test"]
    assert splits(folder / "images" / "test") == [""]
    assert len(read_utm_places(folder / "images" / "test", "")) == 3
    assert recognize(folder) and recognize(folder / "images")
    assert not recognize(folder / "images" / "test" / "database")


@pytest.mark.parametrize("name", ["@12@north@.jpg", "IMG_1.jpg", "@1.0.jpg", "@nan@4.0@.jpg"])
def test_a_name_without_position_is_one_line(folder, name):
    (folder / "images" / "test" / "database" / name).write_bytes(b"")
    wanted = f"database: expected a file name @east@north@… of numbers, got {name}$"
    with pytest.raises(DatasetError, match=wanted) as fault:
        read_utm_places(folder, "test")
    assert "\n" not in str(fault.value)


def test_missing_folders_are_one_line(folder):
    with pytest.raises(DatasetError, match=r"pitts: expected images/val/database .*, got test"):
        read_utm_places(folder, "val")
    (folder / "images" / "test" / "queries" / QUERY).unlink()
    with pytest.raises(
        DatasetError, match="queries: expected images named @east@north@…, got none"
    ):
        read_utm_places(folder, "test", "queries")
