"""Objects beside a map: stored, read, carried along, refused."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest

from semloc_ros.errors import MapError
from semloc_ros.maps.object_files import carry_objects, has_objects, load_objects, save_objects
from semloc_ros.maps.objects import MapObjects, ObjectInstance, ObjectOfInterest, Sighting
from semloc_ros.maps.storage import load_map, save_map


@pytest.fixture()
def copy(map_folder, tmp_path):
    folder = tmp_path / "map"
    shutil.copytree(map_folder, folder)
    return folder


def an_object(name: str, seed: int = 0, views: tuple[int, ...] = (0, 3)) -> ObjectOfInterest:
    rng = np.random.default_rng(seed)
    sightings = tuple(Sighting(view, rng.normal(size=(3, 3)), 20, 12) for view in views)
    places = tuple(ObjectInstance(rng.normal(size=(4, 3)), sightings) for _ in range(2))
    reference = rng.integers(0, 255, (12, 17, 3)).astype(np.uint8)
    mask = np.where(rng.random((12, 17)) < 0.8, 255, 0).astype(np.uint8)
    return ObjectOfInterest(name, reference, mask, places, "A title", "Wörter", "https://a.example")


SOME = MapObjects((an_object("one"), an_object("two", 1, ())))


def test_what_is_stored_is_read(copy):
    assert not has_objects(copy)
    assert save_objects(copy, SOME) == copy / "objects"
    read = load_objects(copy)
    assert has_objects(copy) and read.names == ("one", "two")
    for found, wanted in zip(read.objects, SOME.objects, strict=True):
        assert np.array_equal(found.reference, wanted.reference)
        assert np.array_equal(found.mask, wanted.mask)
        assert (found.title, found.text, found.url) == (wanted.title, wanted.text, wanted.url)
        for here, there in zip(found.instances, wanted.instances, strict=True):
            assert np.array_equal(here.map_from_uv, there.map_from_uv)
            for a, b in zip(here.sightings, there.sightings, strict=True):
                assert (a.view, a.num_matches, a.num_inliers) == (b.view, 20, 12)
                assert np.array_equal(a.image_from_uv, b.image_from_uv)
    load_map(copy)  # is still whole


def test_they_are_written_over_whole(copy):
    save_objects(copy, SOME)
    save_objects(copy, MapObjects(SOME.objects[:1]))
    assert load_objects(copy).names == ("one",)
    assert len(list((copy / "objects").iterdir())) == 3
    assert not [path for path in copy.iterdir() if path.name.startswith(".")]


def test_objects_go_along_with_the_same_views_only(copy):
    save_objects(copy, SOME)
    semantic_map = load_map(copy)
    save_map(semantic_map, copy, places_of=copy)
    assert load_objects(copy).names == ("one", "two")
    poses = np.array(semantic_map.camera_from_map)
    poses[0, 0, 3] += 0.01
    other = copy.with_name("other")
    save_map(dataclasses.replace(semantic_map, camera_from_map=poses), other)
    carry_objects(copy, other)
    assert not has_objects(other)
    shutil.copytree(copy / "objects", other / "objects")
    with pytest.raises(MapError, match=r"expected objects of this map's views .* those of other"):
        load_objects(other)
    save_map(semantic_map, other)  # a map with objects is a map, and may be replaced
    assert not has_objects(other)


def test_files_of_others_are_kept(copy):
    save_objects(copy, SOME)
    (copy / "objects" / "notes.txt").write_text("mine")
    with pytest.raises(MapError, match="delete or move it first"):
        save_map(load_map(copy), copy)


def refused(line, folder):
    with pytest.raises(MapError) as caught:
        load_objects(folder)
    assert line in str(caught.value) and "\n" not in str(caught.value)


def edited(change):
    def spoil(folder):
        path = folder / "objects" / "objects.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return spoil


def truncate(folder):
    path = folder / "objects" / "000001_mask.png"
    path.write_bytes(path.read_bytes()[:-9])


def test_a_map_without_objects(copy):
    refused("objects: expected objects of interest (semloc learn objects), got none", copy)


@pytest.mark.parametrize(("spoil", "line"), [
    (truncate, "000001_mask.png: expected its sha256 in objects.json, got another"),
    (lambda folder: (folder / "objects" / "000000.png").unlink(), "000000.png: expected an image"),
    (lambda folder: (folder / "objects" / "objects.json").write_text("{"), "the objects of a map"),
    (edited(lambda content: content.update(format=2)), "objects.json format: expected 1, got 2"),
    (edited(lambda content: content["objects"][0].update(name="x")), "expected their sha256"),
    (edited(lambda content: content["files"].clear()), "000000.png: expected its sha256"),
])  # fmt: skip
def test_broken_files_are_one_line(spoil, line, copy):
    save_objects(copy, SOME)
    spoil(copy)
    refused(line, copy)


def changed(**fields):
    return MapObjects((dataclasses.replace(SOME.objects[0], **fields),))


def placed(map_from_uv, *sightings):
    return changed(instances=(ObjectInstance(np.asarray(map_from_uv, float), sightings),))


PLANE = np.eye(4)[:, [0, 1, 3]]


@pytest.mark.parametrize(("objects", "line"), [
    (MapObjects(()), "expected at least one, got none"),
    (MapObjects((an_object("one"), an_object("one", 1))), "different names"),
    (changed(name=" "), "none empty"),
    (changed(mask=np.zeros((12, 17), np.uint8)), "a mask of its size that is not empty"),
    (changed(mask=np.full((12, 16), 255, np.uint8)), "a mask of its size"),
    (changed(instances=()), "object one: expected a place in the map, got none"),
    (placed(np.ones((4, 3))), "map_from_uv of instance 0 of object one: expected finite"),
    (placed(PLANE * np.nan), "expected finite"),
    (placed(PLANE, Sighting(99, np.eye(3))), "expected different rows below 12"),
    (placed(PLANE, Sighting(1, np.eye(3)), Sighting(1, np.eye(3))), "expected different rows"),
    (placed(PLANE, Sighting(1, np.ones((3, 3)))), "image_from_uv of instance 0 of object one in"),
])  # fmt: skip
def test_objects_that_cannot_be_are_not_written(objects, line, copy):
    with pytest.raises(MapError) as caught:
        save_objects(copy, objects)
    assert line in str(caught.value) and "\n" not in str(caught.value)
    assert not has_objects(copy)
