"""Images of places from worlds and from folders with positions in their names, and their split."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from place_street import street

from semloc_ros.errors import DatasetError
from semloc_ros.learning.place_views import read_views, split_views


def write_world(folder: Path, seed: int, runs: tuple[str, ...] = ("summer", "night")) -> Path:
    """A world of two images a run, the second one 4 m ahead; the first one has labels."""
    folder.mkdir(parents=True)
    about = {"world": "street", "config": {"seed": seed, "light": folder.name}}
    (folder / "world.json").write_text(json.dumps(about))
    tables = {
        "sensors": "left, left, camera, PINHOLE, 8, 6, 10.0, 10.0, 3.5, 2.5\n",
        # camera_from_map: x right of the map is right of the camera, map y is ahead
        "trajectories": "5, left, 0.7071067811865476, 0.7071067811865476, 0, 0, -1, 0, -3\n"
        "6, left, 0.7071067811865476, 0.7071067811865476, 0, 0, -1, 0, -7\n",
        "records_camera": "5, left, left/000000.jpg\n6, left, left/000001.jpg\n",
    }
    for run in runs:
        sensors = folder / "frames" / run / "sensors"
        for index in (0, 1):
            image = sensors / "records_data" / "left" / f"{index:06d}.jpg"
            image.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(image), np.full((6, 8, 3), 90, np.uint8))
        for name, text in tables.items():
            (sensors / f"{name}.txt").write_text(f"# kapture format: 1.1\n{text}")
        labels = folder / "frames" / run / "truth" / "left" / "000000.labels.png"
        labels.parent.mkdir(parents=True)
        cv2.imwrite(str(labels), np.full((6, 8), 10, np.uint8))
    return folder


def write_named(folder: Path, part: str, name: str) -> None:
    path = folder / part / name
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((6, 8, 3), 90, np.uint8))


def test_a_world_gives_poses_runs_and_labels(tmp_path: Path) -> None:
    views = read_views([write_world(tmp_path / "a", 1)])
    assert [(view.run, view.name) for view in views] == [
        ("a/night", "left/000000.jpg"), ("a/night", "left/000001.jpg"),
        ("a/summer", "left/000000.jpg"), ("a/summer", "left/000001.jpg"),
    ]  # fmt: skip
    assert np.allclose(views[0].position, [1, 3, 0]) and np.allclose(views[1].position, [1, 7, 0])
    assert np.allclose(views[0].direction, [0, 1, 0])
    assert views[0].read().shape == (6, 8, 3)
    assert views[0].read_labels is not None and (views[0].read_labels() == 10).all()
    assert views[1].read_labels is None


def test_folders_of_one_seed_are_one_world(tmp_path: Path) -> None:
    folders = [write_world(tmp_path / name, seed) for name, seed in
               (("day", 1), ("dark", 1), ("other", 2))]  # fmt: skip
    worlds = {view.run.split("/")[0]: view.world for view in read_views(folders, 5)}
    assert worlds == {"day": 5, "dark": 5, "other": 6}


def test_names_give_position_and_heading(tmp_path: Path) -> None:
    write_named(tmp_path / "city", "database", "@10@20@17@T@@@@@90@@@@@@.jpg")
    write_named(tmp_path / "city", "queries", "@11@21@.jpg")
    database, query = read_views([tmp_path / "city"])
    assert (database.run, query.run) == ("city/database", "city/queries")
    assert database.position.tolist() == [10, 20, 0]
    assert np.allclose(database.direction, [1, 0, 0]) and np.isnan(query.direction).all()


def test_the_split_that_is_asked_for_is_read(tmp_path: Path) -> None:
    for split, east in (("train", 1), ("val", 2)):
        write_named(tmp_path / "city/images" / split, "database", f"@{east}@0@.jpg")
    for split, east in (("train", 1), ("val", 2)):
        (view,) = read_views([tmp_path / "city"], split=split)
        assert view.position[0] == east
    with pytest.raises(DatasetError, match="city: expected the split test, got train, val"):
        read_views([tmp_path / "city"], split="test")
    write_named(tmp_path / "town/images/test", "database", "@3@0@.jpg")  # has no other
    assert read_views([tmp_path / "town"], split="val")[0].position[0] == 3


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        (lambda world: (world / "world.json").write_text("{}"), "a world and its seed"),
        (lambda world: world / "nothing", "a world, a kapture folder or images named"),
    ],
)
def test_other_folders_are_one_line(tmp_path: Path, broken, line: str) -> None:  # type: ignore[no-untyped-def]
    world = write_world(tmp_path / "a", 1)
    other = broken(world)
    with pytest.raises(DatasetError, match=line):
        read_views([other if isinstance(other, Path) else world])


def test_a_folder_given_twice_is_refused(tmp_path: Path) -> None:
    world = write_world(tmp_path / "a", 1)
    with pytest.raises(DatasetError, match="folders of different names, each once"):
        read_views([world, world])


def test_places_kept_for_validation_are_apart_from_the_others() -> None:
    views = [*street(0, 40), *street(1, 40)]
    training, validation = split_views(views, 0.3, 10, 25.0, np.random.default_rng(0))
    assert 0.25 * len(views) <= len(validation) <= 0.35 * len(views)
    for world in (0, 1):
        of_world = [[view.position for view in part if view.world == world]
                    for part in (training, validation)]  # fmt: skip
        gaps = np.linalg.norm(np.stack(of_world[0])[:, None] - np.stack(of_world[1])[None], axis=2)
        assert gaps.min() > 25.0
    runs = {view.run for view in validation}
    assert runs == {"street0/day", "street0/night", "street1/day", "street1/night"}
    again = split_views(views, 0.3, 10, 25.0, np.random.default_rng(0))
    assert [one.name for one in again[1]] == [one.name for one in validation]


def test_too_few_places_to_split_are_one_line() -> None:
    with pytest.raises(DatasetError, match="enough to train and to validate, got 0 and"):
        split_views(street(0, 2), 0.5, 2, 25.0, np.random.default_rng(0))
