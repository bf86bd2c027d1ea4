"""Places beside a map: stored, read, carried along, refused."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from semloc_ros.errors import MapError
from semloc_ros.maps.place_files import (
    PlaceDescriptors,
    carry_places,
    list_places,
    load_places,
    save_places,
)
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.maps.storage import load_map, save_map

SHA256 = "ab" * 32


@pytest.fixture()
def copy(map_folder, tmp_path):
    folder = tmp_path / "map"
    shutil.copytree(map_folder, folder)
    return folder


def some_places(count: int = 12, grids: bool = True, sha256: str = SHA256) -> PlaceDescriptors:
    rng = np.random.default_rng(0)
    descriptors = rng.standard_normal((count, 8)).astype(np.float32)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    views = rng.permutation(count).astype(np.int64)
    labels = rng.integers(0, 19, (count, 3, 4)).astype(np.uint8) if grids else None
    counted = np.arange(19) < 11 if grids else None
    return PlaceDescriptors("places/small rgb", sha256, descriptors, views, labels, counted)


def moved(semantic_map: SemanticMap) -> SemanticMap:
    poses = np.array(semantic_map.camera_from_map)
    poses[0, 0, 3] += 0.01
    return dataclasses.replace(semantic_map, camera_from_map=poses)


@pytest.mark.parametrize("grids", [True, False])
def test_what_is_stored_is_read(grids, copy):
    places = some_places(grids=grids)
    folder = save_places(copy, places)
    assert folder == copy / "places" / "places_small_rgb-abababababab"
    read = load_places(copy, "places/small rgb", SHA256)
    assert isinstance(read.descriptors, np.memmap)
    assert np.array_equal(read.descriptors, places.descriptors)
    assert np.array_equal(read.views, places.views)
    if grids:
        assert np.array_equal(read.grids, places.grids)
        assert read.counted is not None and read.counted.sum() == 11
    else:
        assert read.grids is None and read.counted is None
    load_map(copy)  # is still whole


def test_models_stand_beside_each_other_and_are_written_over(copy):
    save_places(copy, some_places())
    save_places(copy, dataclasses.replace(some_places(), model="other"))
    save_places(copy, some_places(count=5, grids=False))
    kept = list_places(copy)
    assert [one.model for one in kept.values()] == ["other", "places/small rgb"]
    assert len(load_places(copy, "places/small rgb", SHA256)) == 5
    assert not [path for path in (copy / "places").iterdir() if path.name.startswith(".")]


def refused(line: str, folder: Path, model: str = "places/small rgb", sha256: str = SHA256) -> None:
    with pytest.raises(MapError) as caught:
        load_places(folder, model, sha256)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_places_that_are_not_there(copy):
    refused("places: expected places of places/small rgb abababababab… (semloc map places), got "
            "none", copy)
    save_places(copy, some_places())
    refused("got places/small rgb abababababab…", copy, sha256="cd" * 32)
    refused("expected places of other", copy, model="other")


def test_places_of_other_views_are_refused(copy):
    save_places(copy, some_places())
    aside = copy.with_name("aside")
    shutil.move(copy / "places", aside)
    save_map(moved(load_map(copy)), copy)
    shutil.move(aside, copy / "places")
    refused("expected places of this map's views (semloc map places), got those of other", copy)


def edit_about(folder, change):
    path = next((folder / "places").iterdir()) / "places.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def truncate(folder):
    path = next((folder / "places").iterdir()) / "descriptors.npy"
    path.write_bytes(path.read_bytes()[:-4])


def remove(folder, name):
    (next((folder / "places").iterdir()) / name).unlink()


BROKEN = {
    "places.json: expected what places": lambda folder: remove(folder, "places.json"),
    "descriptors.npy: expected a whole": lambda folder: remove(folder, "descriptors.npy"),
    "descriptors.npy: expected its sha256": truncate,
    "format: expected 1, got 2": lambda folder: edit_about(folder, lambda a: a.update(format=2)),
    "got other abab": lambda folder: edit_about(folder, lambda a: a.update(model="other")),
    "expected descriptors and views": lambda folder: edit_about(
        folder, lambda a: a.update(files={})
    ),
    "expected what places are": lambda folder: edit_about(folder, lambda a: a.pop("of_views")),
    "expected float64": lambda folder: edit_about(
        folder, lambda a: a["files"]["descriptors.npy"].__setitem__(1, "float64")
    ),
}  # fmt: skip


@pytest.mark.parametrize("line", BROKEN)
def test_broken_places_are_refused(line, copy):
    save_places(copy, some_places())
    BROKEN[line](copy)
    refused(line, copy)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"views": np.arange(12) + 1}, "views of places: expected different rows below 12"),
        ({"views": np.zeros(12, np.int64)}, "views of places: expected different rows below 12"),
        ({"views": np.arange(11)}, "descriptors of places: expected 11 rows, got 12"),
        ({"descriptors": np.zeros((12, 8))}, "descriptors: expected float32 of 2 dimensions"),
        ({"grids": np.zeros((12, 8), np.uint8)}, "grids: expected uint8 or uint16 of 3"),
        ({"counted": None}, "grids of places: expected the labels that they tell of, got none"),
        ({"grids": np.zeros((3, 2, 2), np.uint8)}, "grids of places: expected 12 rows, got 3"),
    ],
)
def test_places_that_do_not_fit_the_map_are_not_stored(changes, line, copy):
    with pytest.raises(MapError, match=line):
        save_places(copy, dataclasses.replace(some_places(), **changes))
    assert not (copy / "places").exists()


def test_no_places_are_read_of_what_is_no_map(tmp_path):
    with pytest.raises(MapError, match="expected a map folder"):
        save_places(tmp_path / "absent", some_places())


def test_labels_keep_the_places_and_new_views_do_not(copy, tmp_path):
    save_places(copy, some_places())
    semantic_map = load_map(copy)
    labelled = dataclasses.replace(
        semantic_map, label_histogram=np.ones((semantic_map.num_points, 3), np.uint16)
    )
    save_map(labelled, copy, places_of=copy)
    assert len(load_places(copy, "places/small rgb", SHA256)) == 12
    save_map(labelled, tmp_path / "other", places_of=copy)
    assert len(load_places(tmp_path / "other", "places/small rgb", SHA256)) == 12
    save_map(moved(semantic_map), tmp_path / "moved", places_of=copy)
    assert not (tmp_path / "moved" / "places").exists()
    save_map(labelled, copy)  # a map that was built anew has none
    assert not (copy / "places").exists()


def test_broken_places_are_not_carried_along(copy, map_folder):
    save_places(copy, some_places())
    save_places(copy, dataclasses.replace(some_places(), model="other"))
    remove(copy, "places.json")
    target = copy.with_name("target")
    shutil.copytree(map_folder, target)
    carry_places(copy, target)
    assert len(list_places(target)) == 1


def test_a_folder_of_others_by_the_name_of_places_is_not_deleted(copy):
    (copy / "places").mkdir()
    (copy / "places" / "holidays.txt").write_text("mine")
    with pytest.raises(MapError, match="expected a map or nothing, got places"):
        save_map(load_map(copy), copy)
    assert (copy / "places" / "holidays.txt").read_text() == "mine"
