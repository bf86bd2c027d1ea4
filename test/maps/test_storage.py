"""What is saved is what is loaded; what is damaged is named in one line."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from semloc_ros.errors import MapError
from semloc_ros.maps.semantic_map import ARRAYS
from semloc_ros.maps.storage import load_map, save_map


@pytest.fixture()
def copy(map_folder, tmp_path):
    folder = tmp_path / "map"
    shutil.copytree(map_folder, folder)
    return folder


def edit_manifest(folder, change):
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def replace_array(folder, name, change):
    """Change an array and seal it anew, so that only its content is wrong."""
    import hashlib

    path = folder / f"{name}.npy"
    array = change(np.load(path))
    np.save(path, array)
    entry = {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "dtype": array.dtype.name,
        "shape": list(array.shape),
    }
    edit_manifest(folder, lambda content: content["files"].__setitem__(path.name, entry))


def test_round_trip(synthetic_map, tmp_path):
    manifest = dataclasses.replace(
        synthetic_map.manifest, geographic_origin=(50.08, 14.42, 200.0), models={"a": "b"}
    )
    save_map(dataclasses.replace(synthetic_map, manifest=manifest), tmp_path / "map")
    loaded = load_map(tmp_path / "map")
    for name, (dtypes, _) in ARRAYS.items():
        assert np.array_equal(getattr(loaded, name), getattr(synthetic_map, name)), name
        assert getattr(loaded, name).dtype.name in dtypes
    assert loaded.view_names == synthetic_map.view_names
    assert loaded.cameras == synthetic_map.cameras
    assert loaded.manifest.geographic_origin == (50.08, 14.42, 200.0)
    assert loaded.manifest.models == {"a": "b"}
    assert loaded.manifest.counts["P"] == synthetic_map.num_points


def test_loaded_arrays_are_mapped_and_read_only(synthetic_map):
    assert isinstance(synthetic_map.descriptors, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        synthetic_map.points_map[0] = 0.0


def test_views_and_features_of_the_map(session, synthetic_map):
    features = synthetic_map.features_of(3)
    points = synthetic_map.points_of(3)
    assert features.model == "synthetic"
    assert len(features) == len(points) > 100
    assert synthetic_map.camera_of(3) == session.images[3].camera
    for row in range(0, len(points), 25):
        track = synthetic_map.track_of(points[row])
        assert 3 in synthetic_map.track_views[track]


def test_replacing_a_map_while_it_is_read(synthetic_map, copy):
    old = load_map(copy)
    smaller = dataclasses.replace(
        synthetic_map, colors_rgb=np.zeros_like(synthetic_map.colors_rgb)
    )
    before = np.array(old.colors_rgb)
    save_map(smaller, copy)
    assert np.array_equal(old.colors_rgb, before), "an open map changed under its reader"
    assert not load_map(copy).colors_rgb.any()
    assert [path.name for path in copy.parent.iterdir()] == ["map"]


def truncate(folder):
    path = folder / "descriptors.npy"
    path.write_bytes(path.read_bytes()[:-1000])


def flip_a_bit(folder):
    path = folder / "points_map.npy"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(bytes(content))


def nan_pose(poses):
    poses[2, 0, 3] = np.nan
    return poses


def scaled_pose(poses):
    poses[1, :3, :3] *= 1.01
    return poses


def mirrored_pose(poses):
    poses[0, 0] *= -1
    return poses


def with_last(value):
    def change(array):
        array[-1] = value
        return array

    return change


def newer(content):
    content.update(schema=99, created_by="semloc_ros 9.0.0")


def with_refinement(**changes):
    """A report of mended poses with one value changed; None takes the value away."""
    def change(content):
        report = {"position_rms_m": [0.01] * 3, "rotation_rms_deg": [0.1] * 3, **changes}
        content["build"]["refinement"] = {k: v for k, v in report.items() if v is not None}

    return change


EDITS = {
    "units": (lambda content: content.update(units="ft"), "got units 'ft' instead of 'm'"),
    "no frame": (lambda content: content.update(map_frame=" "), "got an empty map_frame"),
    "frame of wrong type": (lambda content: content.update(map_frame=[1]), "got map_frame [1]"),
    "infinite count": (lambda content: content["counts"].update(P=np.inf), "got P inf"),
    "negative count": (lambda content: content["counts"].update(P=-1), "got P -1"),
    "false count": (lambda content: content["counts"].update(P=7), "counts: expected {'P': "),
    "no counts": (lambda content: content.update(counts={}), "counts: expected {'P': "),
    "infinite shape": (
        lambda content: content["files"]["scales.npy"].update(shape=[np.inf]),
        "got shape of scales.npy inf",
    ),
    "origin": (
        lambda content: content.update(geographic_origin=[50, np.nan, 0]), "got geographic_origin"
    ),
    "huge origin": (
        lambda content: content.update(geographic_origin=[50, 14, 10**400]), "got int too large"
    ),
    "refinement without figures": (with_refinement(position_rms_m=None), "'position_rms_m'"),
    "refinement of text": (with_refinement(rotation_rms_deg=["a"] * 3), "got rotation_rms_deg ["),
    "refinement of NaN": (with_refinement(position_rms_m=[np.nan] * 3), "got position_rms_m [nan"),
    "refinement too short": (with_refinement(position_rms_m=[0.1]), "got position_rms_m [0.1]"),
    "refinement is no report": (
        lambda content: content["build"].update(refinement=[1]), "expected fields of a manifest"
    ),
    "refinement without options": (
        lambda content: content.update(build={"refinement": {"position_rms_m": [0, 0, 0]}}),
        "expected the field 'options', got none",
    ),
}


@pytest.mark.parametrize("kind", EDITS)
@pytest.mark.parametrize("verify", [True, False])
def test_an_edited_manifest_is_not_believed(kind, verify, copy):
    change, wanted = EDITS[kind]
    edit_manifest(copy, change)
    with pytest.raises(MapError) as caught:
        load_map(copy, verify)
    assert wanted in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_whole_report_of_mended_poses_is_read(copy):
    edit_manifest(copy, with_refinement())
    assert load_map(copy).manifest.build["refinement"]["position_rms_m"] == [0.01] * 3


def test_a_map_that_could_not_be_read_again_is_not_saved(synthetic_map, copy):
    manifest = dataclasses.replace(synthetic_map.manifest, map_frame="")
    with pytest.raises(MapError, match="an empty map_frame"):
        save_map(dataclasses.replace(synthetic_map, manifest=manifest), copy)
    assert load_map(copy).manifest.map_frame == "map"


@pytest.mark.parametrize("name", ["manifest.json", "views.json"])
def test_deeply_nested_json_is_one_line(name, copy):
    (copy / name).write_text("[" * 100_000)
    with pytest.raises(MapError, match="recursion"):
        load_map(copy, verify=False)


DAMAGE = {
    "no folder": (shutil.rmtree, "expected a map folder, got no such folder"),
    "no manifest": (
        lambda folder: (folder / "manifest.json").unlink(),
        "manifest.json: expected the manifest of a map, got no such file",
    ),
    "not JSON": (
        lambda folder: (folder / "manifest.json").write_text("{"), "expected JSON text, got"
    ),
    "not an object": (
        lambda folder: (folder / "manifest.json").write_text("[]"),
        "expected a JSON object, got list",
    ),
    "newer schema": (
        lambda folder: edit_manifest(folder, newer),
        "schema: expected at most 1, got 99 (made by semloc_ros 9.0.0: upgrade semloc_ros)",
    ),
    "no schema": (
        lambda folder: edit_manifest(folder, lambda content: content.pop("schema")),
        "schema: expected a number from 1 to 1, got None",
    ),
    "field missing": (
        lambda folder: edit_manifest(folder, lambda content: content.pop("map_frame")),
        "expected the field 'map_frame', got none",
    ),
    "field of wrong type": (
        lambda folder: edit_manifest(folder, lambda content: content.update(counts=[1])),
        "expected fields of a manifest, got",
    ),
    "file not listed": (
        lambda folder: edit_manifest(folder, lambda content: content["files"].pop("scales.npy")),
        "expected an entry for scales.npy, got none",
    ),
    "array missing": (
        lambda folder: (folder / "keypoints.npy").unlink(),
        "keypoints.npy: expected a file of the map, got no such file",
    ),
    "truncated": (truncate, "descriptors.npy: expected sha256"),
    "edited": (flip_a_bit, "points_map.npy: expected sha256"),
    "names edited": (
        lambda folder: (folder / "views.json").write_text("{}"), "views.json: expected sha256"
    ),
    "wrong dtype": (
        lambda folder: replace_array(folder, "points_map", lambda a: a.astype(np.float32)),
        "points_map: expected float64, got float32",
    ),
    "wrong shape": (
        lambda folder: replace_array(folder, "points_map", lambda a: a[:, :2]),
        "points_map shape: expected 3 = 3 rows, got 2",
    ),
    "rows missing": (
        lambda folder: replace_array(folder, "colors_rgb", lambda a: a[:-1]),
        "colors_rgb shape: expected P = ",
    ),
    "NaN pose": (
        lambda folder: replace_array(folder, "camera_from_map", nan_pose),
        "camera_from_map of view view2.png: expected a rotation and a finite translation",
    ),
    "scaled rotation": (
        lambda folder: replace_array(folder, "camera_from_map", scaled_pose),
        "camera_from_map of view view1.png: expected a rotation",
    ),
    "mirrored rotation": (
        lambda folder: replace_array(folder, "camera_from_map", mirrored_pose),
        "camera_from_map of view view0.png: expected a rotation",
    ),
    "NaN point": (
        lambda folder: replace_array(folder, "points_map", with_last(np.nan)),
        "points_map: expected finite numbers, got 3 others",
    ),
    "point out of range": (
        lambda folder: replace_array(folder, "feature_points", with_last(10**6)),
        "feature_points: expected -1 to ",
    ),
    "view out of range": (
        lambda folder: replace_array(folder, "track_views", with_last(77)),
        "track_views: expected 0 to 11, got 77",
    ),
    "camera out of range": (
        lambda folder: replace_array(folder, "view_cameras", with_last(-1)),
        "view_cameras: expected 0 to 0, got -1",
    ),
    "feature of another view": (
        lambda folder: replace_array(folder, "track_features", lambda a: a[::-1].copy()),
        "track_features: expected features of the observing view, got others",
    ),
    "offsets": (
        lambda folder: replace_array(folder, "track_offsets", with_last(5)),
        "track_offsets: expected ascending from 0 to ",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_one_exact_line(kind, copy):
    damage, wanted = DAMAGE[kind]
    damage(copy)
    with pytest.raises(MapError) as caught:
        load_map(copy)
    line = str(caught.value)
    assert wanted in line
    assert "\n" not in line


def test_truncation_is_seen_without_verification_too(copy):
    truncate(copy)
    with pytest.raises(MapError, match="descriptors.npy: expected a whole .npy array"):
        load_map(copy, verify=False)


def test_a_map_that_contradicts_itself_is_not_saved(synthetic_map, tmp_path):
    wrong = dataclasses.replace(synthetic_map, point_sigma=synthetic_map.point_sigma[:-1])
    with pytest.raises(MapError, match="point_sigma shape"):
        save_map(wrong, tmp_path / "map")
    assert list(tmp_path.iterdir()) == []


FOREIGN = {
    "a manifest of another program": lambda folder: (folder / "manifest.json").write_text(
        '{"name": "web app", "icons": [], "schema": 1, "files": {}}'
    ),
    "no JSON": lambda folder: (folder / "manifest.json").write_text("{"),
    "notes": lambda folder: (folder / "notes.txt").write_text("years of work"),
    "photos": lambda folder: (folder / "photos").mkdir(),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_folders_with_files_of_others_are_not_replaced(kind, synthetic_map, copy):
    FOREIGN[kind](copy)
    before = {path.name for path in copy.iterdir()}
    with pytest.raises(MapError, match="expected a map or nothing, got "):
        save_map(synthetic_map, copy)
    assert {path.name for path in copy.iterdir()} == before


def test_a_map_of_a_newer_schema_can_be_replaced(synthetic_map, copy):
    edit_manifest(copy, newer)
    save_map(synthetic_map, copy)
    assert load_map(copy).num_points == synthetic_map.num_points


def test_a_link_to_a_map_stays_a_link(synthetic_map, copy):
    link = copy.with_name("latest")
    link.symlink_to(copy)
    save_map(dataclasses.replace(synthetic_map, view_stamps_ns=np.zeros(12, np.int64)), link)
    assert link.is_symlink()
    assert not load_map(copy).view_stamps_ns.any()
    assert {path.name for path in copy.parent.iterdir()} == {"map", "latest"}


@pytest.mark.parametrize("where", [".", "..", "/", "file", "file/map"])
def test_places_where_no_map_can_be(where, synthetic_map, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(MapError) as caught:
        save_map(synthetic_map, Path(where))
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


SAVER = """
    import dataclasses, sys
    from pathlib import Path
    from semloc_ros.maps.storage import load_map, save_map
    original = load_map(Path({source!r}))
    print("ready", flush=True)
    while True:
        save_map(original, Path({target!r}))
"""


def test_killed_savers_never_leave_a_half_map(map_folder, project_root, tmp_path):
    target = tmp_path / "map"
    program = textwrap.dedent(SAVER).format(source=str(map_folder), target=str(target))
    environment = os.environ | {"PYTHONPATH": str(project_root)}
    rng = np.random.default_rng(1)
    seen = 0
    for _ in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment
        )
        assert child.stdout is not None and child.stdout.readline().strip() == b"ready"
        time.sleep(rng.uniform(0.02, 0.3))
        child.kill()
        child.wait()
        child.stdout.close()
        if target.exists():
            assert load_map(target).num_views == 12
            seen += 1
    assert seen > 0
    save_map(load_map(map_folder), target)
    assert [path.name for path in tmp_path.iterdir()] == ["map"], "leftovers of killed savers"
