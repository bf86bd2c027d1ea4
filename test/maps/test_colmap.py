"""COLMAP in and out: pycolmap itself is the judge of the half pixel."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pycolmap
import pytest

from semloc_ros.errors import MapError
from semloc_ros.geometry import cameras, se3
from semloc_ros.maps.colmap import read_colmap, read_colmap_images, write_colmap
from semloc_ros.maps.colmap_cameras import from_colmap, to_colmap
from semloc_ros.maps.triangulation import colmap_camera
from semloc_ros.types import Camera

CAMERAS = {
    "pinhole": Camera("pinhole", 640, 480, 500, 510, 320.25, 239.5),
    "radtan4": Camera("radtan", 640, 480, 500, 510, 320, 240, (-0.2, 0.05, 1e-3, -5e-4)),
    "radtan5": Camera("radtan", 640, 480, 500, 510, 320, 240, (-0.2, 0.05, 1e-3, -5e-4, 0.01)),
    "radtan8": Camera(
        "radtan", 640, 480, 500, 510, 320, 240, (-0.2, 0.05, 1e-3, -5e-4, 0.01, 0.1, 0.02, 0.003)
    ),
    "fisheye": Camera("fisheye", 640, 480, 300, 302, 320, 240, (0.02, -0.01, 0.003, -0.0005)),
}


@pytest.mark.parametrize("name", CAMERAS)
def test_colmap_sees_a_point_half_a_pixel_further(name):
    camera = CAMERAS[name]
    points = np.random.default_rng(0).uniform([-1, -0.8, 2], [1, 0.8, 5], (50, 3))
    ours, seen = cameras.project(camera, points)
    theirs = np.array([colmap_camera(camera, 1).img_from_cam(point) for point in points])
    assert seen.all()
    assert np.abs(theirs - 0.5 - ours).max() < 1e-6


@pytest.mark.parametrize("name", CAMERAS)
def test_cameras_come_back(name):
    camera = CAMERAS[name]
    model, params = to_colmap(camera)
    back = from_colmap("camera", model, camera.width, camera.height, params)
    points = np.random.default_rng(0).uniform([-1, -0.8, 2], [1, 0.8, 5], (50, 3))
    there, here = (cameras.project(one, points)[0] for one in (camera, back))
    assert np.abs(there - here).max() < 1e-9
    assert (back.cx, back.cy) == (camera.cx, camera.cy)


@pytest.mark.parametrize(
    ("model", "params"),
    [
        ("SIMPLE_PINHOLE", [500, 320, 240]),
        ("SIMPLE_RADIAL", [500, 320, 240, -0.1]),
        ("RADIAL", [500, 320, 240, -0.1, 0.02]),
        ("SIMPLE_RADIAL_FISHEYE", [300, 320, 240, 0.01]),
        ("RADIAL_FISHEYE", [300, 320, 240, 0.01, -0.002]),
    ],
)
def test_simpler_models_are_read_as_colmap_projects_them(model, params):
    camera = from_colmap("camera", model, 640, 480, params)
    theirs = pycolmap.Camera(camera_id=1, model=model, width=640, height=480, params=params)
    points = np.random.default_rng(0).uniform([-1, -0.8, 2], [1, 0.8, 5], (50, 3))
    expected = np.array([theirs.img_from_cam(point) for point in points]) - 0.5
    assert np.abs(cameras.project(camera, points)[0] - expected).max() < 1e-6


@pytest.mark.parametrize(
    ("model", "params", "line"),
    [
        ("FOV", [1, 2, 3, 4, 5], "expected a camera model of SIMPLE_PINHOLE, "),
        ("PINHOLE", [500, 320, 240], "expected 4 parameters for PINHOLE, got 3"),
        ("PINHOLE", [0, 500, 320, 240], "expected focal lengths > 0"),
    ],
)
def test_cameras_that_are_refused(model, params, line):
    with pytest.raises(MapError, match=line):
        from_colmap("camera", model, 640, 480, params)


@pytest.mark.parametrize("text", [False, True], ids=["binary", "text"])
def test_round_trip(text, synthetic_map, tmp_path):
    write_colmap(synthetic_map, tmp_path / "model", text)
    back = read_colmap(tmp_path / "model")
    assert back.num_points == synthetic_map.num_points
    assert np.allclose(back.points_map, synthetic_map.points_map, atol=1e-9)
    assert np.array_equal(back.colors_rgb, synthetic_map.colors_rgb)
    assert np.array_equal(back.track_offsets, synthetic_map.track_offsets)
    assert np.array_equal(back.track_views, synthetic_map.track_views)
    assert np.array_equal(back.track_features, synthetic_map.track_features)
    assert np.allclose(back.keypoints, synthetic_map.keypoints, atol=1e-4)
    assert np.allclose(back.camera_from_map, synthetic_map.camera_from_map, atol=1e-9)
    assert back.view_names == synthetic_map.view_names
    assert back.cameras == synthetic_map.cameras
    assert np.allclose(back.point_sigma * 0.5, synthetic_map.point_sigma, rtol=1e-3)


def test_pycolmap_reads_the_export_and_finds_the_same_errors(synthetic_map, tmp_path):
    """COLMAP's own reprojection error is small only if pixels AND principal point moved."""
    write_colmap(synthetic_map, tmp_path / "model")
    model = pycolmap.Reconstruction(tmp_path / "model")
    assert model.is_valid()
    view = 4
    image = model.image(view + 1)
    rows = slice(*synthetic_map.feature_offsets[[view, view + 1]])
    xy = np.array([point.xy for point in image.points2D])
    assert np.allclose(xy, synthetic_map.keypoints[rows] + 0.5, atol=1e-4)
    theirs = np.array([image.project_point(point) for point in synthetic_map.points_map])
    ours, _ = cameras.project(
        synthetic_map.camera_of(view),
        se3.transform(synthetic_map.camera_from_map[view], synthetic_map.points_map),
    )
    assert np.abs(theirs - ours - 0.5).max() < 1e-6
    model.update_point_3d_errors()
    assert model.compute_mean_reprojection_error() < 0.8  # keypoint noise: 0.5 px per axis


def test_posed_images_for_the_builder(session, synthetic_map, tmp_path):
    write_colmap(synthetic_map, tmp_path / "model")
    images = read_colmap_images(tmp_path / "model", tmp_path)
    assert [one.name for one in images] == [one.name for one in session.images]
    assert np.allclose(images[5].camera_from_map, session.images[5].camera_from_map)
    with pytest.raises(MapError, match="view5.png: expected an image, got no such file"):
        images[5].read()


def test_faults_of_a_model_are_one_line(synthetic_map, tmp_path):
    with pytest.raises(MapError, match="expected cameras, images and points3D"):
        read_colmap(tmp_path)
    write_colmap(synthetic_map, tmp_path / "model")
    (tmp_path / "model" / "images.bin").write_bytes(b"\x05\x00")
    with pytest.raises(MapError) as caught:
        read_colmap(tmp_path / "model")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["cameras", "images", "points3D"])
@pytest.mark.parametrize("how", ["empty", "half", "garbled count", "garbled"])
def test_damaged_model_files_are_one_line(how, name, synthetic_map, tmp_path):
    write_colmap(synthetic_map, tmp_path / "model")
    path = tmp_path / "model" / f"{name}.bin"
    whole = path.read_bytes()
    path.write_bytes({
        "empty": b"",
        "half": whole[: len(whole) // 2],
        "garbled count": b"\xff" * 8 + whole[8:],
        "garbled": whole[:8] + b"\xff" * (len(whole) - 8),
    }[how])
    with pytest.raises(MapError) as caught:
        read_colmap(tmp_path / "model")
    assert "\n" not in str(caught.value)


def test_export_overwrites_models_only(synthetic_map, tmp_path):
    write_colmap(synthetic_map, tmp_path / "model")
    write_colmap(synthetic_map, tmp_path / "model", text=True)
    assert not (tmp_path / "model" / "images.bin").exists()
    (tmp_path / "model" / "points3D.txt").unlink()
    with pytest.raises(MapError, match="expected an empty folder or a COLMAP model"):
        write_colmap(synthetic_map, tmp_path / "model")


def test_export_leaves_a_colmap_project_alone(synthetic_map, tmp_path):
    project = tmp_path / "project"
    write_colmap(synthetic_map, project)
    (project / "images").mkdir()
    (project / "database.db").write_text("years of work")
    with pytest.raises(MapError, match=r"a COLMAP model alone, got database.db"):
        write_colmap(synthetic_map, project)
    assert (project / "images").is_dir()
    assert (project / "database.db").read_text() == "years of work"


@pytest.mark.parametrize("where", [".", "file", "file/model"])
def test_places_where_no_model_can_be(where, synthetic_map, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(MapError) as caught:
        write_colmap(synthetic_map, Path(where))
    assert "\n" not in str(caught.value)
    assert (tmp_path / "file").read_text() == "mine"


def test_an_imported_map_says_that_it_has_no_descriptors(synthetic_map, tmp_path):
    write_colmap(synthetic_map, tmp_path / "model")
    imported = read_colmap(tmp_path / "model")
    assert imported.manifest.feature_model == "none"
    assert imported.descriptors.shape == (imported.num_features, 0)
    assert dataclasses.is_dataclass(imported.manifest)
