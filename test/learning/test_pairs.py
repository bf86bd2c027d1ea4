"""Pairs: split by place, cut so that points and labels stay where they belong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from semloc_ros.errors import DatasetError
from semloc_ros.learning.pairs import cut_pair, labels_at, read_pairs, split_by_place
from semloc_ros.maps.pair_files import PairFolder
from semloc_ros.types import ImagePair

STRIDE, ABSENT = 8, -1


def pair(name: str, points_a: np.ndarray, points_b: np.ndarray, shape=(60, 80)) -> ImagePair:  # type: ignore[no-untyped-def]
    """Images whose pixels tell where they are: red the column, green the row."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    image = np.stack([columns, rows, 0 * rows], axis=2).astype(np.uint8)
    return ImagePair(name, "b.jpg", lambda: image, lambda: image, points_a, points_b)


def named(count: int, folders: tuple[str, ...] = ("left",)) -> list[ImagePair]:
    none = np.zeros((0, 2))
    names = [f"{one}/{number:06d}.jpg" for number in range(count) for one in folders]
    return [pair(name, none, none) for name in names]


def test_a_place_is_on_one_side_whatever_the_camera() -> None:
    split = split_by_place(named(100, ("left", "right")), 0.3, 10, np.random.default_rng(0))
    sides = (split.training, split.validation)
    places = [{one.name_a.split("/")[1] for one in side} for side in sides]
    assert not places[0] & places[1]
    assert (len(places[0]), len(places[1])) == (70, 30)
    assert len(split.training) == 140


def test_neighbouring_places_stay_together() -> None:
    split = split_by_place(named(100), 0.3, 10, np.random.default_rng(0))
    numbers = sorted(int(one.name_a.split("/")[1][:6]) for one in split.validation)
    breaks = np.flatnonzero(np.diff(numbers) > 1)
    assert len(breaks) <= 2  # three blocks


def test_two_worlds_have_other_images_of_the_same_names(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    point = np.array([[3.0, 3.0]])
    for world in ("a", "b"):
        (tmp_path / world).mkdir()
        for run in ("rain", "snow"):
            folder = PairFolder(tmp_path / f"{world}_{run}")
            folder.link_images(tmp_path / world)
            folder.add_pair("0", "left/0.png", "right/0.png", point, point)
    names = [
        [one.name_a for one in read_pairs([tmp_path / folder for folder in folders])]
        for folders in (("a_rain", "a_snow"), ("a_rain", "b_rain", "a_snow"))
    ]
    assert names == [["left/0.png"] * 2, ["0/left/0.png", "1/left/0.png", "0/left/0.png"]]


def test_one_place_cannot_be_split() -> None:
    with pytest.raises(DatasetError, match="places: expected enough"):
        split_by_place(named(1), 0.3, 10, np.random.default_rng(0))


def test_cut_points_show_what_they_showed() -> None:
    rng = np.random.default_rng(0)
    points_a = rng.uniform(-0.5, [79.4, 59.4], (200, 2))
    points_b = points_a[::-1].copy()
    whole = np.arange(8 * 10).reshape(8, 10)
    for _ in range(20):
        cut = cut_pair(pair("a.jpg", points_a, points_b), whole, 32, STRIDE, 50, ABSENT, rng)
        kept = cut.point_labels != ABSENT
        assert kept.any()
        for square, points in ((cut.reference, cut.points_a), (cut.target, cut.points_b)):
            at = np.round(points[kept]).astype(int)
            assert ((at >= 0) & (at < 32)).all()
            corner = square[0, 0, :2].astype(int)
            assert (corner % STRIDE == 0).all()
            shown = square[at[:, 1], at[:, 0], :2]
            inside = (at + corner < [80, 60]).all(1)
            assert (shown[inside] == (at + corner)[inside]).all()
        corner = cut.reference[0, 0, :2].astype(int) // STRIDE
        assert cut.labels[0, 0] == whole[corner[1], corner[0]]
        assert (cut.labels[:, -1] == ABSENT).all() == (corner[0] + 4 > 10)
        original = cut.points_a[kept] + STRIDE * corner
        assert (cut.point_labels[kept] == labels_at(whole, original, STRIDE)).all()


def test_an_image_smaller_than_the_square_is_laid_at_its_corner() -> None:
    points = np.array([[3.0, 2.0]])
    small = pair("a.jpg", points, points, shape=(20, 24))
    whole = np.arange(3 * 3).reshape(3, 3)
    cut = cut_pair(small, whole, 32, STRIDE, 5, ABSENT, np.random.default_rng(0))
    assert (cut.reference[20:] == 0).all() and (cut.reference[:, 24:] == 0).all()
    assert (cut.labels[:3, :3] == whole).all() and (cut.labels[3:] == ABSENT).all()
    assert cut.points_a[0].tolist() == [3.0, 2.0] and cut.point_labels[0] == 0


def test_a_pair_without_points_is_cut_all_the_same() -> None:
    none = np.zeros((0, 2))
    cut = cut_pair(pair("a.jpg", none, none), np.zeros((8, 10), int), 32, STRIDE, 5, ABSENT,
                   np.random.default_rng(0))  # fmt: skip
    assert (cut.point_labels == ABSENT).all()


def test_a_pixel_belongs_to_the_cell_that_covers_it() -> None:
    labels = np.arange(6).reshape(2, 3)
    points = np.array([[-0.5, -0.5], [7.4, 0.0], [7.5, 7.4], [23.4, 15.4], [99.0, 99.0]])
    assert labels_at(labels, points, 8).tolist() == [0, 0, 1, 5, 5]
