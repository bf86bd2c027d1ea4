"""The galleries of the study of objects, and fewer stops of a mapping run."""

from __future__ import annotations

import json
from importlib import import_module

import cv2
import numpy as np
import pytest

from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.config.object_learning import ObjectTrainingConfig
from semloc_ros.datasets.world_objects import world_map_objects, world_object_images
from semloc_ros.geometry import cameras, se3
from semloc_ros.maps.kapture import read_kapture
from semloc_ros.options import from_mapping


@pytest.fixture(scope="module")
def made():
    return import_module("object_worlds")


@pytest.fixture(scope="module")
def poster(tmp_path_factory):
    """A data set of one view, and the dataset folder that is made of it."""
    folder, rng = tmp_path_factory.mktemp("poster"), np.random.default_rng(0)
    cv2.imwrite(str(folder / "1.png"), rng.integers(0, 255, (100, 80, 3)).astype(np.uint8))
    out = folder / "out"
    import_module("object_poster").prepare(folder, out)
    return out


def test_views_are_of_one_gallery_in_all_lights_and_crowds(made):
    worlds = made.worlds(7)
    views = {name: one for name, one in worlds.items() if name.startswith("views_")}
    assert {(one.light, one.crowd) for one in views.values()} == {
        (light, crowd) for light in made.LIGHTS for crowd in made.CROWDS
    }
    assert all(one.free_views == 7 and one.runs == "none" for one in views.values())
    trained = {one.mapping_light for name, one in worlds.items() if name.startswith("train_")}
    assert trained == set(made.LIGHTS)
    assert len({(one.seed, one.paintings, one.room_width_m) for one in worlds.values()}) == 1


def test_a_thinned_run_has_each_nth_stop_with_all_its_cameras(made, tmp_path):
    world = tmp_path / "world"
    sensors = world / "frames" / "mapping" / "sensors"
    sensors.mkdir(parents=True)
    (sensors.parent / "objects.json").write_text("[]")
    (sensors / "sensors.txt").write_text(
        "a, a, camera, PINHOLE, 8, 6, 5, 5, 4, 3\nb, b, camera, PINHOLE, 8, 6, 5, 5, 4, 3\n"
    )
    still = "1, 0, 0, 0, 0, 0, 0"
    (sensors / "rigs.txt").write_text(f"rig, a, {still}\nrig, b, {still}\n")
    stamps = range(8, 13)  # of another number of digits on the way
    rows = "".join(f"{stamp}, rig, {still}\n" for stamp in stamps)
    (sensors / "trajectories.txt").write_text(rows)
    rows = "".join(f"{stamp}, {one}, {one}/{stamp:06d}.jpg\n" for stamp in stamps for one in "ab")
    (sensors / "records_camera.txt").write_text(f"# comment\n{rows}")
    thin = tmp_path / "thin" / "frames" / "mapping"
    for _ in range(2):  # once more is the same
        made.linked(sensors.parent, thin, 2)
    images = read_kapture(thin)
    assert [image.name for image in images] == [
        f"{one}/{stamp:06d}.jpg" for stamp in (8, 10, 12) for one in "ab"
    ]


def test_the_poster_is_a_world_of_one_view(poster):
    (image,) = world_object_images(poster / "frames" / "view_1")
    (only,) = world_map_objects(poster, "view_1").objects
    truth = image.read_objects()
    assert truth.names == (only.name,) == ("poster",)
    rows, columns = np.nonzero(truth.numbers)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 91, 6, 73)
    height, width = only.reference.shape[:2]
    assert (height, width) == (84, 68)
    pixels = truth.uv[rows, columns] * (width, height) - 0.5 + (6, 8)
    np.testing.assert_allclose(pixels, np.stack([columns, rows], axis=1), atol=2e-3)
    (posed,) = read_kapture(poster / "frames" / "view_1")
    there = only.instances[0].points_map(truth.uv[rows, columns].astype(float))
    seen, _ = cameras.project(posed.camera, se3.transform(posed.camera_from_map, there))
    np.testing.assert_allclose(seen, np.stack([columns, rows], axis=1), atol=2e-3)


def test_finds_of_the_truth_localize_what_they_are_made_of(poster, tmp_path, monkeypatch, capsys):
    run = str(poster / "frames" / "view_1")
    arguments = ["--true-objects", run, "--test", run, "--true-finds", "0.1"]
    out = ["--json", str(tmp_path / "table.json"), "--figures", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["objects.py", *arguments, *out])
    import_module("objects").main()
    (row,) = json.loads((tmp_path / "table.json").read_text())["rows"]
    assert (row["images"], row["method"], row["<5 cm"]) == ("out", "truth + 0.1 px", "100 %")
    assert (row["recall"], row["false"]) == (1.0, 0.0)
    assert {path.name for path in tmp_path.glob("*.png")} == {
        "localized.png", "sigma.png", "stages.png",
    }  # fmt: skip


def test_without_a_map_there_is_no_structure(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("sys.argv", ["objects.py", "--test", str(tmp_path), "--structure"])
    with pytest.raises(SystemExit):
        import_module("objects").main()
    assert "--map: expected a map with objects" in capsys.readouterr().err


def test_the_study_asks_for_galleries_and_networks_that_are_made(made):
    study = import_module("object_study")
    names = {*made.worlds(7), "train_lights", *(f"train_day_of_{every}" for every in made.THIN)}
    folders = [one.images for one in study.VARIANTS.values()]
    for finding in study.FINDINGS.values():
        folders += [finding.objects, *(one for test in finding.tests.values() for one in test)]
        assert set(finding.networks) <= set(study.VARIANTS)
    assert {folder.split("/")[0] for folder in folders} <= names
    options = {one for variant in study.VARIANTS.values() for one in variant.options}
    from_mapping(ObjectTrainingConfig, parse_assignments(sorted(options)))
