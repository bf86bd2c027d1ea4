"""A tiny folder in the true format, and what is said when it is broken."""

import numpy as np
import pytest
from cv2 import imwrite

from semloc_ros.datasets.seven_scenes import read_seven_scenes
from semloc_ros.errors import DatasetError

POSE = """\
 9.0931290e-01\t 2.7262229e-01\t -3.1422433e-01\t -3.4045634e-01
-2.7248618e-01\t 9.6104980e-01\t  4.5279626e-02\t  1.6469818e-02
 3.1433925e-01\t 4.4449646e-02\t  9.4820935e-01\t  2.9656917e-01
 0.0000000e+00\t 0.0000000e+00\t  0.0000000e+00\t  1.0000000e+00
"""


@pytest.fixture
def folder(tmp_path):
    for number in (3, 10, 2):
        imwrite(str(tmp_path / f"frame-{number:06d}.color.jpg"), np.full((480, 640, 3), number))
        (tmp_path / f"frame-{number:06d}.pose.txt").write_text(POSE)
    (tmp_path / "frame-000002.depth.png").write_bytes(b"")
    (tmp_path / "camera-intrinsics.txt").write_text("585 0 320\n0 585 240\n0 0 1\n")
    return tmp_path


def test_frames_come_by_number_with_camera_from_map(folder):
    images = read_seven_scenes(folder)
    assert [image.name[6:12] for image in images] == ["000002", "000003", "000010"]
    assert images[1].stamp_ns == 100_000_000
    centre = np.linalg.inv(images[0].camera_from_map)[:3, 3]
    assert np.allclose(centre, [-0.34045634, 0.016469818, 0.29656917], atol=1e-6)
    assert images[2].read().shape == (480, 640, 3)
    assert images[2].read().mean() == pytest.approx(10, abs=1)


def test_a_range_of_frames(folder):
    assert [image.name[6:12] for image in read_seven_scenes(folder, start=3, stop=10)] == ["000003"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "a pose"),
        ("1 0 0\n", "pose.txt: expected"),
        (POSE.replace("9.09", "nan"), "pose.txt: expected"),
        ("a b c d\n" * 4, "4 rows of 4 numbers"),
        ("2 0 0 0\n0 2 0 0\n0 0 2 0\n0 0 0 1\n", "pose.txt: expected"),
    ],
)
def test_a_broken_pose_is_one_line(folder, text, complaint):
    pose = folder / "frame-000003.pose.txt"
    pose.write_text(text) if text else pose.unlink()
    with pytest.raises(DatasetError, match=complaint) as fault:
        read_seven_scenes(folder)
    assert "\n" not in str(fault.value)


def test_an_empty_folder_is_one_line(tmp_path):
    with pytest.raises(DatasetError, match="expected frame-NNNNNN.color.jpg from 0 to the last"):
        read_seven_scenes(tmp_path)


def test_the_real_sequence(shared_data):
    images = read_seven_scenes(shared_data("redkitchen"), stop=375)
    assert len(images) == 375
    assert images[374].read().shape == (480, 640, 3)
