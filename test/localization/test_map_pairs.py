"""Pairs found through a map of the corner, judged by where the rays through their pixels end."""

import dataclasses

import numpy as np
import pytest

from semloc_ros.config.correspondences import CorrespondencesConfig
from semloc_ros.datasets.cross_season import read_cross_season
from semloc_ros.datasets.map_pairs import MapPairs, write_map_pairs
from semloc_ros.errors import DatasetError
from semloc_ros.geometry import cameras, se3
from semloc_ros.maps.pair_files import PairFolder
from semloc_ros.types import CameraImage, PosedImage

EYES = {"day": [(2.9, 2.2, 1.5), (2.3, 2.9, 1.6)], "dusk": [(2.7, 2.3, 1.45), (2.2, 2.75, 1.7)]}
CONFIG = CorrespondencesConfig(least_points=20)


@pytest.fixture(scope="module")
def drives(corner, lenses, look):
    """By day with one lens, at dusk with another and darker."""
    found = {}
    for name, lens, light in (("day", "pinhole", 1.0), ("dusk", "radtan", 0.6)):
        found[name] = []
        for number, eye in enumerate(EYES[name]):
            pose = look(eye, (0.6, 0.6, 0.9))
            picture = (light * corner.photograph(lenses[lens], pose)).astype(np.uint8)
            found[name].append(
                PosedImage(f"camera_left/{number}", number, lenses[lens], pose,
                           lambda picture=picture: picture)
            )  # fmt: skip
    return found


@pytest.fixture(scope="module")
def pairs(corner_map):
    return MapPairs(corner_map, CONFIG)


@pytest.fixture(scope="module")
def posed(pairs, drives):
    return {name: [pairs.posed(image) for image in images] for name, images in drives.items()}


def errors(corner, a, b, points_a, points_b):
    """Pixels (N,) between points of b and where b sees what a sees at its points."""
    map_from_camera = se3.inverse(a.camera_from_map)
    rays = cameras.unproject(a.camera, points_a) @ map_from_camera[:3, :3].T
    eye = map_from_camera[:3, 3]
    with np.errstate(divide="ignore"):
        distances = -eye / rays
    distances[~(distances > 0)] = np.inf
    hits = eye + rays * distances.min(1)[:, None]
    there, _ = cameras.project(b.camera, se3.transform(b.camera_from_map, hits))
    return np.linalg.norm(there - points_b, axis=1)


@pytest.mark.parametrize("kind", ["both", "either", "all"])
def test_points_of_a_pair_are_the_same_points(corner, corner_map, posed, drives, kind):
    pairs = MapPairs(corner_map, dataclasses.replace(CONFIG, points=kind))
    day, dusk = posed["day"][0], posed["dusk"][0]
    points_a, points_b = pairs.shared(day, dusk)
    assert len(points_a) > 50
    found = errors(corner, drives["day"][0], drives["dusk"][0], points_a, points_b)
    assert np.median(found) < 1.0
    assert np.quantile(found, 0.9) < 3.0


def test_each_way_of_choosing_finds_more(corner_map, posed):
    counts = []
    for kind in ("both", "either", "all"):
        pairs = MapPairs(corner_map, dataclasses.replace(CONFIG, points=kind))
        counts.append(len(pairs.shared(posed["day"][0], posed["dusk"][0])[0]))
    assert counts[0] < counts[1] < counts[2]


def test_images_without_poses_are_localized(pairs, posed, drives):
    image = drives["dusk"][0]
    bare = CameraImage(image.name, image.stamp_ns, image.camera, image.read)
    found = pairs.localized(bare)
    apart, turned = se3.pose_error(
        se3.inverse(found.camera_from_map), se3.inverse(image.camera_from_map)
    )
    assert apart < 0.02 and turned < 0.01
    assert len(found.points) > 30
    assert (np.diff(found.points) > 0).all()
    nothing = np.full((360, 480), 90, np.uint8)
    assert pairs.localized(dataclasses.replace(bare, read=lambda: nothing)) is None


def test_they_are_written_for_training(pairs, posed, drives, tmp_path):
    out, told = tmp_path / "pairs", []
    written = write_map_pairs(
        posed["day"], posed["dusk"], ("day", "dusk"), pairs, CONFIG, PairFolder(out),
        lambda *now: told.append(now),
    )  # fmt: skip
    assert told == [(1, 2), (2, 2)]
    found = read_cross_season(out)
    assert [len(pair.points_a) for pair in found] == written
    assert found[1].name_a == "day/camera_left/0000000000000000001.jpg"
    assert found[1].name_b == "dusk/camera_left/0000000000000000001.jpg"
    points_a, points_b = pairs.shared(posed["day"][1], posed["dusk"][1])
    assert np.array_equal(found[1].points_a, points_a)
    assert np.array_equal(found[1].points_b, points_b)
    assert np.abs(found[1].read_b()[..., 0].astype(int) - drives["dusk"][1].read()).mean() < 3


def test_recordings_of_other_places_are_one_line(pairs, posed, tmp_path):
    far = [dataclasses.replace(one, camera_from_map=np.eye(4)) for one in posed["dusk"]]
    for others in (far, []):
        with pytest.raises(DatasetError, match="day and dusk: expected images within 2.0 m and"):
            write_map_pairs(
                posed["day"], others, ("day", "dusk"), pairs, CONFIG, PairFolder(tmp_path / "no"),
                lambda *_: None,
            )  # fmt: skip
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="expected a new folder, got other files"):
        PairFolder(tmp_path)
