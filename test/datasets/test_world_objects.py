"""True objects of worlds, and what a map's own images show of its objects."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from hung_pictures import CORNERS, hang
from pose_room import HEIGHT, WIDTH, write_world

from semloc_ros.datasets.map_objects import map_object_images, picture_objects
from semloc_ros.datasets.world_objects import (
    world_map_objects,
    world_object_images,
    world_object_names,
)
from semloc_ros.errors import DatasetError, MapError
from semloc_ros.geometry import planes
from semloc_ros.maps.object_files import save_objects
from semloc_ros.maps.objects import MapObjects, ObjectInstance, ObjectOfInterest, Sighting
from semloc_ros.types import PictureObjects

PLACE = [[0, 1, 2], [0, 0, 2], [0, 0, 1], [0, 1, 1]]


@pytest.fixture()
def world(tmp_path):
    """A world of one traversal, in whose first image there are two copies and another picture."""
    folder = write_world(tmp_path / "world", images=4)
    frames = folder / "frames" / "mapping"
    truth = next((frames / "truth").iterdir())
    objects = np.zeros((HEIGHT, WIDTH, 3), np.uint16)
    instances = np.ones((HEIGHT, WIDTH), np.uint16)
    for row, (number, instance) in enumerate([(7, 30), (7, 31), (2, 32)]):
        rows = slice(2 * row, 2 * row + 2)
        objects[rows, :4] = [16384, 32768, number]  # v, u, id as OpenCV orders them
        instances[rows, :4] = instance
    cv2.imwrite(str(truth / "000000.objects.png"), objects)
    cv2.imwrite(str(truth / "000000.instances.png"), instances)
    (folder / "objects").mkdir(exist_ok=True)
    for number in (2, 7):
        image = np.full((6, 8, 3), number, np.uint8)
        cv2.imwrite(str(folder / "objects" / f"{number:06d}.png"), image)
    rows = [
        {"id": number, "instance": instance, "image": f"objects/{number:06d}.png",
         "corners_map": (np.array(PLACE, float) + [0, 0, row]).tolist()}
        for row, (number, instance) in enumerate([(7, 30), (7, 31), (2, 32)])
    ]  # fmt: skip
    rows[2] |= {"name": "window", "title": "A window"}
    (frames / "objects.json").write_text(json.dumps(rows))
    return folder


def test_what_hangs_there_is_known_without_images(world):
    wanted = {"here/window", "here/000007"}
    assert world_object_names(world, "here/") == wanted
    assert world_object_names(world / "frames" / "mapping", "here/") == wanted


def test_copies_are_objects_of_one_name(world):
    (image,) = world_object_images(world, prefix="here/")
    assert image.name.startswith("mapping/") and image.read().shape == (HEIGHT, WIDTH, 3)
    found = image.read_objects()
    assert found.names == ("here/window", "here/000007", "here/000007")
    assert [found.numbers[row, 0] for row in (0, 2, 4)] == [2, 3, 1]
    assert found.numbers[0, 5] == 0 and np.isnan(found.uv[0, 5]).all()
    assert np.allclose(found.uv[0, 0], [0.5, 0.25], atol=1e-4)
    (alone,) = world_object_images(world / "frames" / "mapping")
    assert alone.read_objects().names[0] == "window"


def test_objects_of_a_world_hang_where_its_file_says(world):
    found = world_map_objects(world, "mapping")
    assert found.names == ("000007", "window")
    assert [len(one.instances) for one in found.objects] == [2, 1]
    assert found.objects[1].title == "A window" and found.objects[1].mask.min() == 255
    place = found.objects[0].instances[1]
    assert np.allclose(place.points_map(CORNERS), np.array(PLACE) + [0, 0, 1])
    assert found.objects[0].reference.shape == (6, 8, 3)


def test_broken_worlds_are_one_line(world):
    frames = world / "frames" / "mapping"
    rows = json.loads((frames / "objects.json").read_text())
    (frames / "objects.json").write_text(json.dumps(rows[:2]))
    with pytest.raises(DatasetError, match="expected objects of objects.json, got id 2"):
        world_object_images(world)[0].read_objects()
    (frames / "objects.json").write_text("[1]")
    with pytest.raises(DatasetError, match="objects.json: expected a list of objects"):
        world_map_objects(world, "mapping")
    (frames / "objects.json").unlink()
    with pytest.raises(DatasetError, match="objects.json: expected a list .* got no such file"):
        world_object_images(world)
    (frames / "objects.json").write_text(json.dumps(rows))
    next(frames.glob("truth/*/*.objects.png")).write_bytes(b"no image")
    with pytest.raises(DatasetError, match="expected an RGB image of 16 bits"):
        world_object_images(world)[0].read_objects()
    next(frames.glob("truth/*/*.objects.png")).unlink()
    with pytest.raises(DatasetError, match="expected truth/CAMERA/NNNNNN.objects.png, got none"):
        world_object_images(world)


def objects_of(wall, views=range(6)) -> MapObjects:
    """The pictures of a wall, with true sightings."""
    found = []
    for name, picture, place in zip("ab", wall.pictures, wall.places, strict=True):
        sightings = tuple(
            Sighting(view, planes.image_from_plane(place, wall.camera, wall.poses[view]))
            for view in views
        )
        mask = np.full(picture.shape[:2], 255, np.uint8)
        found.append(ObjectOfInterest(name, picture, mask, (ObjectInstance(place, sightings),)))
    return MapObjects(tuple(found))


def test_the_images_of_a_map_show_its_objects(tmp_path):
    wall = hang()
    folder, images = wall.write(tmp_path)
    with pytest.raises(MapError, match="semloc learn objects"):
        map_object_images(folder, images)
    save_objects(folder, objects_of(wall, views=range(5)))
    found = map_object_images(folder, images)
    assert [one.name for one in found] == list(wall.semantic_map.view_names)
    assert found[5].read_objects().names == () and not found[5].read_objects().numbers.any()
    picture, truth = found[1].read(), found[1].read_objects()
    assert set(truth.names) == {"a", "b"}
    for number, name in enumerate(truth.names, start=1):
        reference = wall.pictures["ab".index(name)]
        rows, columns = np.nonzero(truth.numbers == number)
        at = (truth.uv[rows, columns] * reference.shape[1::-1]).astype(int)
        difference = reference[at[:, 1], at[:, 0]].astype(float) - picture[rows, columns]
        assert np.abs(difference).mean() < 12
        assert len(rows) > 3000


def one_picture(wall, objects, view=0) -> PictureObjects:
    return picture_objects(objects, view, wall.camera, wall.poses[view])


def test_the_nearer_of_two_covers_the_other():
    wall = hang()
    wall.places[1] = wall.places[0] - np.outer([0.3, 0, 0, 0], [0, 0, 1.0])  # before it
    for flipped in (False, True):
        pair = objects_of(wall).objects
        found = one_picture(wall, MapObjects(pair[::-1] if flipped else pair))
        assert found.names == ("a", "b")  # the farther first
        at = np.rint(wall.polygon(1, 0).mean(axis=0)).astype(int)
        assert found.numbers[at[1], at[0]] == 2


def test_what_is_behind_the_camera_is_not_seen():
    wall = hang()
    behind = wall.places[0].copy()
    behind[0, 2] = -4.0
    wall.places[0] = behind
    found = one_picture(wall, objects_of(wall))
    assert not (found.numbers == found.names.index("a") + 1).any()


def test_masks_leave_out_what_they_say():
    wall = hang()
    one = objects_of(wall).objects[0]
    one.mask[:, :100] = 0
    found = one_picture(wall, MapObjects((one,)))
    inside = found.numbers > 0
    assert found.uv[inside][:, 0].min() > 0.48 and 1500 < inside.sum() < 3000
