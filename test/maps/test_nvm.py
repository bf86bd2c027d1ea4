"""NVM files written by hand from a known scene."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from semloc_ros.errors import MapError
from semloc_ros.geometry import cameras, se3
from semloc_ros.maps.nvm import read_nvm, read_nvm_images

FOCAL, WIDTH, HEIGHT = 500.0, 640, 480


@pytest.fixture(params=[0.0, 0.15, -0.1], ids=["ideal", "barrel", "cushion"])
def scene(request, tmp_path):
    """Points, poses and the file; measurements come from the format's own distortion."""
    rng = np.random.default_rng(3)
    points = rng.uniform([-1.2, -0.9, 4], [1.2, 0.9, 6], (40, 3))
    poses = [se3.exp([0.2 * k - 0.2, 0.05 * k, 0, 0.02 * k, -0.03 * k, 0.1]) for k in range(3)]
    lines = ["NVM_V3 ", "", "3"]
    for k, pose in enumerate(poses):
        x, y, z, w = se3.to_quaternion_xyzw(pose)[1]
        centre = se3.inverse(pose)[:3, 3]
        numbers = [FOCAL, w, x, y, z, *centre, request.param, 0]
        lines.append(f'dir/my"image{k}.png\t' + " ".join(f"{number:.12g}" for number in numbers))
        (tmp_path / "dir").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / f"dir/my image{k}.png"), np.zeros((HEIGHT, WIDTH), np.uint8))
    lines += ["", str(len(points))]
    for point in points:
        seen = []
        for k, pose in enumerate(poses):
            moved = se3.transform(pose, point[None])[0]
            xy = _distorted(moved[:2] / moved[2], request.param) * FOCAL
            seen.append(f"{k} 0 {xy[0]:.9g} {xy[1]:.9g}")
        where = " ".join(f"{value:.12g}" for value in point)
        lines.append(f"{where} 10 20 30 3 " + " ".join(seen))
    path = tmp_path / "model.nvm"
    path.write_text("\n".join([*lines, "", "0"]))
    return path, points, poses


def _distorted(ideal, radial):
    """The measurement m with m (1 + radial |m|²) = ideal, by fixed-point iteration."""
    measured = ideal.copy()
    for _ in range(100):
        measured = ideal / (1 + radial * (measured @ measured))
    return measured


def test_our_cameras_project_the_points_onto_the_measurements(scene, tmp_path):
    path, points, poses = scene
    loaded = read_nvm(path, tmp_path)
    assert np.allclose(loaded.points_map, points)
    assert np.allclose(loaded.camera_from_map, poses, atol=1e-9)
    assert (loaded.colors_rgb == (10, 20, 30)).all()
    for view in range(3):
        camera = loaded.camera_of(view)
        assert (camera.cx, camera.cy) == (319.5, 239.5)  # the middle, counted from pixel centres
        owners = loaded.points_of(view)
        pixels, _ = cameras.project(
            camera, se3.transform(loaded.camera_from_map[view], loaded.points_map[owners])
        )
        assert np.abs(pixels - loaded.features_of(view).keypoints).max() < 0.01


def test_posed_images(scene, tmp_path):
    path, _, poses = scene
    images = read_nvm_images(path, tmp_path)
    assert [one.name for one in images] == [f"dir/my image{k}.png" for k in range(3)]
    assert images[1].read().shape == (HEIGHT, WIDTH, 3)
    assert np.allclose(images[2].camera_from_map, poses[2])


@pytest.mark.parametrize("radial", [None, 0.0, 0.15])
def test_a_fixed_calibration_stands_for_every_camera(radial, tmp_path):
    """Measurements lie about ITS principal point, with ITS two focal lengths and distortion."""
    fx, fy, cx, cy = 520.0, 500.0, 310.0, 250.0
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((HEIGHT, WIDTH), np.uint8))
    points = np.random.default_rng(3).uniform([-1.2, -0.9, 4], [1.2, 0.9, 6], (40, 3))
    end = "" if radial is None else f" {radial}"
    lines = [f"NVM_V3 FixedK {fx} {cx} {fy} {cy}{end}", "1", "0.png 400 1 0 0 0 0 0 0 -0.3 0", "40"]
    expected = []
    for point in points:
        x, y = _distorted(point[:2] / point[2], radial or 0.0) * (fx, fy)
        lines.append(f"{point[0]} {point[1]} {point[2]} 0 0 0 1 0 0 {x} {y}")
        expected.append((x + cx - 0.5, y + cy - 0.5))
    (tmp_path / "model.nvm").write_text("\n".join([*lines, "0"]))
    (image,) = read_nvm_images(tmp_path / "model.nvm", tmp_path)
    assert (image.camera.fx, image.camera.fy) == (fx, fy)
    assert np.abs(cameras.project(image.camera, points)[0] - expected).max() < 0.01


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("NVM_V3 ", "NVM_V2", "line 1: expected NVM_V3, got NVM_V2"),
        ("NVM_V3 ", "NVM_V3 FixedK 500 320 500", "line 1: expected 5 finite numbers, got 3"),
        ("NVM_V3 ", "NVM_V3 Fixed", "line 1: expected FixedK fx cx fy cy r or nothing"),
        ("NVM_V3 ", "NVM_V3 FixedK 0 320 0 240 0", "line 4: expected a camera, got camera: "),
        ("\t500 ", "\t-500 ", "line 4: expected a camera, got camera: expected focal lengths > 0"),
        ("\n3\n", "\n³\n", "line 3: expected the number of cameras, got ³"),
        (" 10 20 30 3 0 ", " 10 20 30 2.5 0 ", "expected the number of measurements, got 2.5"),
        (" 10 20 30 3 0 ", " 10 20 30 3 0.5 ", "expected image numbers from 0 to 2"),
        ("\n3\n", "\nthree\n", "line 3: expected the number of cameras, got three"),
        ("\t500 ", "\tnan ", "line 4: expected 10 finite numbers"),
        ('my"image1', 'my"image9', "expected an image, got no such file"),
        (" 10 20 30 3 0 ", " 10 20 30 3 8 ", "expected image numbers from 0 to 2"),
        (" 10 20 30 3 0 ", " 10 20 30 4 0 ", "expected 16 finite numbers, got 12 numbers"),
        ("\n40\n", "\n41\n", "expected 7 numbers|expected 7 finite numbers|the end of the file"),
    ],
)
def test_faults_name_the_line(old, new, line, scene, tmp_path):
    path, _, _ = scene
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(MapError, match=line) as caught:
        read_nvm(path, tmp_path)
    assert "\n" not in str(caught.value)
