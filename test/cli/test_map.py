"""`semloc map …` as a user types it."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
from label_networks import write_onnx
from typer.testing import CliRunner

from semloc_ros.cli.map import app
from semloc_ros.errors import ConfigError, DatasetError, MapError, SemlocError
from semloc_ros.geometry import se3
from semloc_ros.maps.storage import load_map


@pytest.fixture(scope="module")
def kapture(tmp_path_factory):
    """A textured wall 4 m away, seen from five places: kapture folder with real pixels."""
    folder = tmp_path_factory.mktemp("kapture")
    pixels = folder / "sensors" / "records_data"
    pixels.mkdir(parents=True)
    rng = np.random.default_rng(0)
    wall = cv2.resize(rng.integers(0, 256, (60, 80), np.uint8), (1600, 1200))
    focal, poses, records = 300.0, [], []
    for k in range(5):
        x = 0.25 * (k - 2)
        # wall pixel → metres on the plane z = 4 → image pixel
        metres = np.array([[0.005, 0, -4.0], [0, 0.005, -3.0], [0, 0, 1]])
        plane = np.array([[focal / 4, 0, 159.5 - focal * x / 4], [0, focal / 4, 119.5], [0, 0, 1]])
        image = cv2.warpPerspective(wall, plane @ metres, (320, 240), flags=cv2.INTER_AREA)
        cv2.imwrite(str(pixels / f"{k}.png"), image)
        poses.append(f"{k}, cam, 1, 0, 0, 0, {-x}, 0, 0")
        records.append(f"{k}, cam, {k}.png")
    sensor = "cam, , camera, PINHOLE, 320, 240, 300, 300, 159.5, 119.5"
    tables = {"sensors": [sensor], "trajectories": poses, "records_camera": records}
    for name, rows in tables.items():
        text = "\n".join(["# kapture format: 1.1", *rows, ""])
        (folder / "sensors" / f"{name}.txt").write_text(text)
    return folder


def run(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture(scope="module")
def built(kapture, tmp_path_factory):
    out = tmp_path_factory.mktemp("built") / "map"
    result = run("build", "--kapture", kapture, "--out", out)
    assert result.exit_code == 0, result.output
    return out


def test_build_finds_the_wall(built):
    semantic_map = load_map(built)
    assert semantic_map.num_views == 5
    assert semantic_map.num_points > 100
    assert np.median(semantic_map.points_map[:, 2]) == pytest.approx(4.0, abs=0.01)
    assert semantic_map.manifest.source.startswith("kapture ")
    assert np.allclose(se3.inverse(semantic_map.camera_from_map)[:, 0, 3], 0.25 * np.arange(-2, 3))


def test_build_from_a_trajectory_of_a_slam(kapture, built, tmp_path):
    rows = [f"{k} {(k - 2) * 2.5} 0 0 0 0 0 1" for k in range(5)]  # decimetres
    (tmp_path / "keyframes.txt").write_text("\n".join(rows))
    (tmp_path / "lens.yaml").write_text(
        "%YAML:1.0\nCamera.type: \"PinHole\"\nCamera1.fx: 300.\nCamera1.fy: 300.\n"
        "Camera1.cx: 159.5\nCamera1.cy: 119.5\nCamera.width: 320\nCamera.height: 240\n"
    )
    source = ("--trajectory", tmp_path / "keyframes.txt", "--scale", 0.1)
    images = ("--images", kapture / "sensors" / "records_data", "--camera", tmp_path / "lens.yaml")
    result = run("build", *source, *images, "--out", tmp_path / "map")
    assert result.exit_code == 0, result.output
    found, wanted = load_map(tmp_path / "map"), load_map(built)
    assert np.allclose(found.camera_from_map, wanted.camera_from_map)
    assert found.num_points == wanted.num_points
    missing = run("build", *source, *images[:2], "--out", tmp_path / "other")
    assert "--camera: expected" in str(missing.exception)


def test_info(built):
    result = run("info", built)
    assert result.exit_code == 0
    for word in ("points", "rootsift", "pinhole 320x240", "schema 1"):
        assert word in result.output
    assert re.search(r"labels +│ none", result.output)


def test_export_import_and_view(built, kapture, tmp_path):
    model = tmp_path / "model"
    assert run("export", built, "--out", model, "--text").exit_code == 0
    assert run("import", "colmap", model, "--out", tmp_path / "kept").exit_code == 0
    assert load_map(tmp_path / "kept").manifest.feature_model == "none"
    images = kapture / "sensors" / "records_data"
    again = run("import", "colmap", model, "--images", images, "--out", tmp_path / "anew")
    assert again.exit_code == 0, again.output
    assert load_map(tmp_path / "anew").num_points == load_map(built).num_points
    picture = tmp_path / "map.png"
    assert run("view", built, "--out", picture).exit_code == 0
    assert cv2.imread(str(picture)).std() > 1


@pytest.mark.parametrize("command", [("build", "--kapture"), ("import", "kapture")])
@pytest.mark.parametrize(("flag", "cx"), [("--corner-pixels", 159.0), ("--centre-pixels", 159.5)])
def test_where_the_first_pixel_of_a_kapture_folder_is(command, flag, cx, kapture, tmp_path):
    result = run(*command, kapture, flag, "--out", tmp_path / "map")
    assert result.exit_code == 0, result.output
    assert load_map(tmp_path / "map").cameras[0].cx == cx


def test_options_of_the_builder(kapture, tmp_path):
    result = run("build", "--kapture", kapture, "--out", tmp_path / "map", "--set", "min_views=5")
    assert result.exit_code == 0
    assert np.diff(load_map(tmp_path / "map").track_offsets).min() >= 5


@pytest.mark.parametrize(
    ("arguments", "kind", "line"),
    [
        ([], ConfigError,
         "source: expected one of --bag, --kapture, --colmap, --nvm, --trajectory, got none"),
        (["--kapture", "nowhere"], MapError, "expected a kapture table"),
        (["--colmap", "nowhere"], ConfigError, "--images: expected the folder of the images"),
        (["--kapture", ".", "--set", "ration=0.8"], ConfigError, "did you mean ratio?"),
        (["--kapture", ".", "--nvm", "x"], ConfigError, "got ['--kapture', '--nvm']"),
    ],
)
def test_wrong_arguments_are_one_line(arguments, kind, line, tmp_path):
    result = run("build", "--out", tmp_path / "map", *arguments)
    assert isinstance(result.exception, kind)
    assert line in str(result.exception)


def test_the_program_itself_prints_one_line_and_exits_1(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "semloc_ros.cli.main", "map", "info", str(tmp_path / "no_map")],
        capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.strip().endswith("expected a map folder, got no such folder")
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.fixture()
def labels(built, tmp_path):
    """Label maps of all views, of one label."""
    for name in load_map(built).view_names:
        file = (tmp_path / "labels" / name).with_suffix(".png")
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), np.full((240, 320), 2, np.uint8))
    return tmp_path / "labels"


@pytest.mark.parametrize(
    ("how", "count", "stay"),
    [("cityscapes", 19, range(11)), ("all", 4, range(4)), ("learned", 4, [2]), ("file", 3, [0, 2])],
)
def test_label_says_which_labels_stay(how, count, stay, built, labels, tmp_path):
    flags = json.dumps({"names": ["a", "b", "c"], "stationary": [True, False, True],
                        "parents": [0, 1, 255]})
    (labels / "labels.json").write_text(flags)
    run("label", built, "--labels", labels, "--out", tmp_path / "map", "--count", count,
        "--stationary", how)
    labelled = load_map(tmp_path / "map")
    assert np.flatnonzero(labelled.label_stationary).tolist() == list(stay)
    assert labelled.label_confusion.shape == (count, count)
    assert labelled.label_confusion[2, 2] == labelled.label_confusion.sum() > 0
    assert (tmp_path / "map" / "label_points" / "seal.json").is_file()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('{"names": ["a"], "stationary": [true], "parents": [0]}', "19 labels, got 1"),
        ('{"names": ["a"], "stationary": [1], "parents": [0]}', "names, stationary, parents"),
        ('{"names": ["a"], "stationary": [], "parents": [0]}', "as many of each"),
        ("[", "names, stationary, parents"),
        (None, "19 labels, got none"),
    ],
)
def test_flags_that_do_not_fit_are_one_line(content, line, built, labels, tmp_path):
    if content is not None:
        (labels / "labels.json").write_text(content)
    result = run("label", built, "--labels", labels, "--out", tmp_path / "map", "--count", 19,
                 "--stationary", "file")
    with pytest.raises(SemlocError, match="labels.json: expected") as caught:
        raise result.exception
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_label_takes_the_label_maps_of_a_folder(built, labels, tmp_path):
    out = tmp_path / "map"
    file = (labels / load_map(built).view_names[-1]).with_suffix(".png")
    found = run("label", built, "--labels", labels, "--out", out)
    labelled = load_map(out)
    assert f"{labelled.num_points} of {labelled.num_points}" in found.output
    assert (labelled.label_histogram.argmax(1) == 2).all()
    told = f"on {labelled.num_points} of {labelled.num_points} points"
    assert told in " ".join(run("info", out).output.split())
    assert load_map(built).label_histogram.shape[1] == 0
    cv2.imwrite(str(file), np.zeros((240, 320, 3), np.uint8))
    with pytest.raises(MapError, match="expected one number of 8 or 16 bits per pixel"):
        raise run("label", built, "--labels", labels, "--out", out).exception
    file.unlink()
    with pytest.raises(MapError, match=f"{file.name}: expected a label map, got no such file"):
        raise run("label", built, "--labels", labels, "--out", out).exception


@pytest.fixture
def two_classes(tmp_path):
    """A model that knows the dark from the bright, and that the bright stays."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    write_onnx(tmp_path / "mine.onnx", classes=2, step=1)
    text = "classes: [dark, bright]\nstationary: [bright]\nmean: [0, 0, 0]\nstd: [1, 1, 1]\n"
    (tmp_path / "mine.yaml").write_text(text + "label_stride: 1\n")
    return tmp_path / "mine.onnx"


def test_label_takes_a_model_and_the_images(built, kapture, two_classes, tmp_path):
    out, one_thread = tmp_path / "map", ("--set", "labeller.threads=1")
    result = run("label", built, "--labels", two_classes, "--images", kapture, "--out", out,
                 "--set", "labels.least_votes=2", *one_thread)
    assert result.exit_code == 0, result.output
    labelled = load_map(out)
    assert labelled.label_stationary.tolist() == [False, True]
    assert labelled.manifest.build["labels"] == {"count": 2, "source": "mine.onnx"}
    votes = np.asarray(labelled.label_histogram, np.int64).sum(1)
    assert (votes == np.diff(labelled.track_offsets)).all()
    voted, brightness = labelled.label_histogram.argmax(1), labelled.colors_rgb[:, 0]
    assert np.median(brightness[voted == 1]) > 128 > np.median(brightness[voted == 0])
    again = run("label", built, "--labels", two_classes, "--images",
                kapture / "sensors" / "records_data", "--out", out, "--stationary", "all",
                *one_thread)
    assert again.exit_code == 0 and load_map(out).label_stationary.all()


def test_a_model_without_the_images_is_one_line(built, kapture, two_classes, tmp_path):
    out = ("--out", tmp_path / "map")
    with pytest.raises(ConfigError, match="expected a folder, or --images beside a model"):
        raise run("label", built, "--labels", "street_fgsn", *out).exception
    with pytest.raises(ConfigError, match="expected a folder, or --images beside a model"):
        raise run("label", built, "--labels", two_classes, *out).exception
    with pytest.raises(DatasetError, match="images of the map's views, such as 0.png"):
        raise run("label", built, "--labels", two_classes, "--images", tmp_path, *out).exception
    assert not (tmp_path / "map").exists()


def test_labels_that_may_move_are_learned(built, labels, tmp_path):
    content = {"names": ["a", "b", "c"], "stationary": None, "parents": [255, 255, 255]}
    (labels / "labels.json").write_text(json.dumps(content))
    run("label", built, "--labels", labels, "--out", tmp_path / "map")
    assert load_map(tmp_path / "map").label_stationary.tolist() == [False, False, True]
    refused = run("label", built, "--labels", labels, "--out", tmp_path / "map",
                  "--stationary", "file")
    with pytest.raises(ConfigError, match="expected which of the labels stay"):
        raise refused.exception
