"""Trajectories of SLAM systems and the images they are of."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from semloc_ros.datasets.slam_images import read_slam_settings, slam_images
from semloc_ros.datasets.slam_trajectories import (
    TrajectoryFormat,
    read_trajectory,
    recognized,
)
from semloc_ros.errors import DatasetError
from semloc_ros.geometry import se3

SETTINGS = """%YAML:1.0
---
Camera.type: "PinHole"
Camera1.fx: 300.5
Camera1.fy: 301.
Camera1.cx: 15.5
Camera1.cy: 11.5
Camera1.k1: -0.2
Camera1.k2: 0.05
Camera1.p1: 0.
Camera1.p2: 0.001
Camera.width: 32
Camera.height: 24
IMU.T_b_c1: !!opencv-matrix
   rows: 4
   cols: 4
   dt: f
   data: [0., -1., 0., 0.5, 1., 0., 0., 0., 0., 0., 1., 0., 0., 0., 0., 1.]
"""
TURN = "0.1 0.2 0.3 0.9273618495495704"  # x y z w


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_the_three_formats_say_the_same(tmp_path: Path) -> None:
    tum = written(tmp_path / "a", f"# seconds\n0.5 1 2 3 {TURN}\n1.25 4 5 6 0 0 0 1\n")
    euroc = written(
        tmp_path / "b",
        "#timestamp [ns],x,y,z,qw,qx,qy,qz,v\n"
        "1400000000500000000,1,2,3,0.9273618495495704,0.1,0.2,0.3,9\n"
        "1400000001250000000,4,5,6,1,0,0,0,9\n",
    )
    found = read_trajectory(tum)
    assert found.stamps_ns is not None
    assert found.stamps_ns.tolist() == [500_000_000, 1_250_000_000]
    assert np.allclose(found.world_from_body[0, :3, 3], [1, 2, 3])
    assert np.allclose(se3.to_quaternion_xyzw(found.world_from_body)[1][0], np.fromstring(
        TURN, sep=" "), atol=1e-9)
    other = read_trajectory(euroc)
    assert other.stamps_ns is not None
    assert (other.stamps_ns - found.stamps_ns == 1_400_000_000_000_000_000).all()
    assert np.allclose(other.world_from_body, found.world_from_body)
    rows = "\n".join(" ".join(map(str, pose[:3].ravel())) for pose in found.world_from_body)
    kitti = read_trajectory(written(tmp_path / "c", rows))
    assert kitti.stamps_ns is None
    assert np.allclose(kitti.world_from_body, found.world_from_body)
    kinds = [recognized(tmp_path / name) for name in "abc"]
    assert kinds == [TrajectoryFormat.TUM, TrajectoryFormat.EUROC, TrajectoryFormat.KITTI]


def test_nanoseconds_between_blanks_are_those_that_orb_slam_saves(tmp_path: Path) -> None:
    path = written(tmp_path / "a", f"1403636579763555584.000000 1 2 3 {TURN}\n")
    stamps = read_trajectory(path).stamps_ns
    assert stamps is not None
    assert stamps.tolist() == [1403636579763555584]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("", "a: expected a trajectory"), ("1 2 3\n", "line 1: expected"),
     ("0 0 0 0 0 0 0 1\n1 2 3\n", "line 2: expected 8 numbers"),
     ("x 0 0 0 0 0 0 1\n", "line 1: expected a stamp"),
     ("0 0 0 0 0 0 0 0\n", "unit quaternion"), ("0 nan 0 0 0 0 0 1\n", "finite"),
     ("0 0 0 0 0 0 0 1\n0 0 0 0 0 0 0 1\n", "each stamp once"),
     ("1,2,3\n", "8 numbers or more"), ("nan 0 0 0 0 0 0 1\n", "a stamp")],
)
def test_faults_are_one_line(tmp_path: Path, text: str, wanted: str) -> None:
    with pytest.raises(DatasetError, match=wanted) as fault:
        read_trajectory(written(tmp_path / "a", text))
    assert "\n" not in str(fault.value)


def test_the_lens_is_read_from_the_settings(tmp_path: Path) -> None:
    found = read_slam_settings(written(tmp_path / "s.yaml", SETTINGS))
    assert found.camera.model == "radtan"
    assert found.camera.distortion == (-0.2, 0.05, 0.0, 0.001, 0.0)
    assert (found.camera.fx, found.camera.width, found.camera.height) == (300.5, 32, 24)
    assert found.body_from_camera is not None
    assert found.body_from_camera[0, 3] == 0.5


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [("Camera1.fx", "Camera2.fx", "a number Camera1.fx"), ("PinHole", "Other", "Camera.type"),
     ("%YAML:1.0", "}{", "settings"), ("PinHole", "KannalaBrandt8", "k1 to k4")],
)
def test_settings_that_lack_something_are_named(
    tmp_path: Path, old: str, new: str, wanted: str
) -> None:
    with pytest.raises(DatasetError, match=wanted):
        read_slam_settings(written(tmp_path / "s.yaml", SETTINGS.replace(old, new)))


def make_images(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        cv2.imwrite(str(folder / name), np.zeros((24, 32), np.uint8))
    return folder


def test_images_and_poses_are_joined_by_their_names(tmp_path: Path) -> None:
    images = make_images(tmp_path / "images", "10.0.png", "10.1.png", "10.2.png")
    rows = f"10.1000004 1 2 3 {TURN}\n10.2 4 5 6 0 0 0 1\n11 0 0 0 0 0 0 1"
    poses = written(tmp_path / "t", rows)
    settings = written(tmp_path / "s.yaml", SETTINGS)
    found = slam_images(images, poses, settings, scale=2.0)
    assert [one.name for one in found] == ["10.1.png", "10.2.png"]
    assert [one.stamp_ns for one in found] == [10_100_000_000, 10_200_000_000]
    assert np.allclose(se3.inverse(found[0].camera_from_map)[:3, 3], [2, 4, 6])
    assert found[0].read().shape == (24, 32, 3)
    body = slam_images(images, poses, settings, poses_of_body=True)
    assert np.allclose(se3.inverse(body[1].camera_from_map)[:3, 3], [4.5, 5, 6])
    upright = slam_images(images, poses, settings, optical_world=True)
    assert np.allclose(se3.inverse(upright[1].camera_from_map)[:3, 3], [6, -4, -5])


def test_stamps_may_stand_in_a_list(tmp_path: Path) -> None:
    images = make_images(tmp_path / "images", "a.png", "b.png")
    settings = written(tmp_path / "s.yaml", SETTINGS)
    poses = written(tmp_path / "t", f"1.5 1 2 3 {TURN}\n")
    named = written(tmp_path / "n", "# stamp file\n1.5 rgb/b.png\n0.5 rgb/a.png\n")
    assert [one.name for one in slam_images(images, poses, settings, named)] == ["b.png"]
    plain = written(tmp_path / "p", "0.5\n1.5e+00\n")
    assert [one.name for one in slam_images(images, poses, settings, plain)] == ["b.png"]
    with pytest.raises(DatasetError, match="for each of 2 images"):
        slam_images(images, poses, settings, written(tmp_path / "q", "0.5\n"))


def test_a_trajectory_without_stamps_has_a_row_for_each_image(tmp_path: Path) -> None:
    images = make_images(tmp_path / "images", "0.png", "1.png")
    settings = written(tmp_path / "s.yaml", SETTINGS)
    row = "1 0 0 {} 0 1 0 0 0 0 1 0\n"
    found = slam_images(images, written(tmp_path / "t", row.format(1) + row.format(2)), settings)
    assert [se3.inverse(one.camera_from_map)[0, 3] for one in found] == [1, 2]
    with pytest.raises(DatasetError, match="a pose for each of 2 images"):
        slam_images(images, written(tmp_path / "u", row.format(1)), settings)


def test_times_that_never_meet_are_said(tmp_path: Path) -> None:
    images = make_images(tmp_path / "images", "1.png")
    settings = written(tmp_path / "s.yaml", SETTINGS)
    with pytest.raises(DatasetError, match=r"within 0\.001 s of its poses, got 4 s"):
        slam_images(images, written(tmp_path / "t", f"5 1 2 3 {TURN}\n"), settings)
