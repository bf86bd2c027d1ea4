"""`semloc learn objects` and `semloc map objects` as a user types them."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from hung_pictures import CORNERS, hang
from typer.testing import CliRunner

from semloc_ros.cli.main import app
from semloc_ros.errors import SemlocError
from semloc_ros.maps.object_files import load_objects
from semloc_ros.maps.objects import ObjectInstance


def semloc(*args, wrong: bool = False) -> str:
    done = CliRunner().invoke(app, [str(one) for one in args], env={"COLUMNS": "160"})
    if wrong:
        assert isinstance(done.exception, SemlocError), done.output
        return str(done.exception)
    if done.exception is not None:
        raise done.exception
    return done.output


@pytest.fixture(scope="module")
def wall():
    return hang()


@pytest.fixture(scope="module")
def learned(wall, tmp_path_factory):
    """A map with two objects, the images, and what was said."""
    folder = tmp_path_factory.mktemp("wall")
    map_folder, images = wall.write(folder)
    marks = {
        name: {"image": "left/002.png", "polygon": wall.polygon(row, 2).tolist(), "title": name * 3}
        for row, name in enumerate("ab")
    }
    (folder / "marks.json").write_text(json.dumps({"objects": marks}))
    said = semloc(
        "learn", "objects", map_folder, "--images", images, "--objects", folder / "marks.json",
        "--sheet", folder / "sheet.png",
    )  # fmt: skip
    return map_folder, images, said


def test_marks_become_objects_of_the_map(learned, wall):
    folder, images, said = learned
    found = load_objects(folder)
    assert found.names == ("a", "b")
    assert "2 objects, seen in 6 of 6 views" in said and "6 of 6" in said
    assert (images.parent / "sheet.png").stat().st_size > 20_000
    listed = semloc("map", "objects", "list", folder)
    assert "aaa" in listed and "bbb" in listed and "1.05 x 0.80" in listed
    assert "objects" in semloc("map", "info", folder)


def test_the_sheet_is_drawn_again(learned, tmp_path):
    folder, images, _ = learned
    out = tmp_path / "again.png"
    semloc("map", "objects", "sheet", folder, "--images", images, "--out", out)
    assert out.stat().st_size > 20_000


def test_only_the_place_of_what_moved_changes(learned, wall, tmp_path):
    folder, _, _ = learned
    before = load_objects(folder)
    motion = np.eye(4)
    motion[:3, 3] = [0.0, 0.0, -0.25]
    (tmp_path / "motion.json").write_text(json.dumps(motion.tolist()))
    move = ("map", "objects", "move", folder, "a")
    kept = tmp_path / "before.json"
    said = semloc(*move, "--motion", tmp_path / "motion.json", "--before", kept)
    assert "25.0 cm from where it was" in said
    after = load_objects(folder)
    old, new = (one.objects[0].instances[0] for one in (before, after))
    assert np.allclose(new.points_map(CORNERS), old.points_map(CORNERS) + [0, 0, -0.25])
    assert len(new.sightings) == len(old.sightings)
    assert np.array_equal(
        after.objects[1].instances[0].map_from_uv, before.objects[1].instances[0].map_from_uv
    )
    corners = ObjectInstance(old.map_from_uv).points_map(CORNERS)
    assert np.allclose(json.loads(kept.read_text()), corners)
    semloc(*move, "--corners", kept)
    back = load_objects(folder).objects[0].instances[0]
    assert np.allclose(back.points_map(CORNERS), corners, atol=1e-4)


def test_the_objects_of_a_world_are_known_exactly(wall, tmp_path):
    folder, images = wall.write(tmp_path)
    world = tmp_path / "world"
    (world / "objects").mkdir(parents=True)
    rows = []
    for row, (picture, place) in enumerate(zip(wall.pictures, wall.places, strict=True)):
        name = f"objects/{row:06d}.png"
        assert cv2.imwrite(str(world / name), picture)
        corners = ObjectInstance(place).points_map(CORNERS).tolist()
        rows.append({"id": row + 1, "instance": row + 1, "image": name, "corners_map": corners})
    (world / "frames" / "evening").mkdir(parents=True)
    (world / "frames" / "evening" / "objects.json").write_text(json.dumps(rows))
    said = semloc("learn", "objects", folder, "--world", world, "--traversal", "evening")
    assert "2 objects, seen in 6 of 6 views" in said
    for one, place in zip(load_objects(folder).objects, wall.places, strict=True):
        assert np.allclose(one.instances[0].map_from_uv, place)
        assert len(one.instances[0].sightings) >= 5
    assert "got no such file" in semloc("learn", "objects", folder, "--world", world, wrong=True)


def test_faults_are_one_line(learned, wall, tmp_path):
    folder, images, _ = learned
    move = ("map", "objects", "move", folder)
    assert "expected one of the map's 2, got c (did you mean" in semloc(*move, "c", wrong=True)
    same = tmp_path / "same.json"
    same.write_text(json.dumps(np.eye(4).tolist()))
    for before, line in ((same, "a file that is not there yet"), (same / "x", "can be written")):
        assert line in semloc(*move, "a", "--motion", same, "--before", before, wrong=True)
    assert json.loads(same.read_text()) == np.eye(4).tolist()
    semloc(*move, "a", "--corners", same, "--before", tmp_path / "old.json", wrong=True)
    assert not (tmp_path / "old.json").exists(), "nothing moved"
    assert "expected one of --map" in semloc(*move, "a", wrong=True)
    assert "--instance: expected 0 to 0" in semloc(*move, "a", "--instance", 3, wrong=True)
    (tmp_path / "x.json").write_text("[[1, 2]]")
    assert "finite numbers (4, 3)" in semloc(
        *move, "a", "--corners", tmp_path / "x.json", wrong=True
    )
    assert "no such file" in semloc(*move, "a", "--motion", tmp_path / "y.json", wrong=True)
    assert "--images: expected the map's images" in semloc(
        "learn", "objects", folder, "--objects", tmp_path / "x.json", wrong=True
    )
    assert "expected --objects with --images, or --world" in semloc(
        "learn", "objects", folder, wrong=True
    )
