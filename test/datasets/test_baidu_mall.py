"""Tiny files in the true format; a pose of the real data; what is said when one is broken."""

import numpy as np
import pytest

from semloc_ros.datasets.baidu_mall import read_baidu_mall, recognize
from semloc_ros.errors import DatasetError
from semloc_ros.geometry import se3

LENS = "1410.864258 0.000000 794.641113\n0.000000 1408.981201 603.413025\n0 0 1\n0 0 0\n"
REAL = """\
-0.807854 -0.008790 0.589317
-0.589321 -0.002360 -0.807895
0.008492 -0.999959 -0.003274
-6.638618 12.360680 0.033681
1632 1224
"""


@pytest.fixture
def folder(tmp_path, known_pose, write_image):
    rotation = "\n".join(known_pose.text(row) for row in known_pose.rotation.T)
    text = f"{LENS}{rotation}\n{known_pose.text(known_pose.centre)}\n1632 1224\n"
    for part, name, content in (("training", "b", text), ("query", "q", LENS + REAL)):
        write_image(tmp_path / f"{part}_images_undistort" / f"{name}.jpg")
        (tmp_path / f"{part}_gt").mkdir()
        (tmp_path / f"{part}_gt" / f"{name}.camera").write_text(content)
    return tmp_path


def test_poses_and_cameras(folder, known_pose):
    assert recognize(folder)
    found = read_baidu_mall(folder)
    (image,) = found.mapping
    assert image.name == "training_images_undistort/b.jpg"
    known_pose.check(image)
    lens = image.camera
    assert (lens.width, lens.height, lens.fx, lens.cy) == (1632, 1224, 1410.864258, 603.413025)


def test_the_real_camera_stands_upright_at_its_centre(folder):
    (query,) = read_baidu_mall(folder).queries
    map_from_camera = se3.inverse(query.camera_from_map)
    assert np.allclose(map_from_camera[:3, 3], [-6.638618, 12.360680, 0.033681])
    assert map_from_camera[2, 1] < -0.999  # its down is -z of the mall
    assert np.allclose(map_from_camera[:3, 2], [0.589317, -0.807895, -0.003274], atol=1e-5)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "q.camera: expected camera and pose of the image, got no such file"),
        (LENS, "q.camera: expected nine lines"),
        (LENS + REAL.replace("0.008790", "x"), "q.camera line 5: expected numbers"),
        (LENS + REAL.replace("1632 ", "-16 "), "q.camera: expected a positive size"),
        (LENS + REAL.replace("1632 ", "16.5 "), "q.camera: expected a whole width"),
        (LENS + REAL.replace("-0.807854", "0.2"), "q.camera: expected a rotation matrix"),
        (LENS + REAL.replace("12.360680", "nan"), "q.camera line 8: expected finite numbers"),
    ],
)
def test_a_broken_file_is_one_line(folder, text, complaint):
    path = folder / "query_gt" / "q.camera"
    path.write_text(text) if text else path.unlink()
    with pytest.raises(DatasetError, match=complaint) as fault:
        read_baidu_mall(folder)
    assert "\n" not in str(fault.value)


def test_of_a_part_missing_poses_are_counted(folder):
    pose = folder / "query_gt" / "q.camera"
    pose.unlink()
    found = read_baidu_mall(folder, part=True)
    assert (len(found.mapping), found.queries, found.missing) == (1, [], [pose])


def test_no_images_is_one_line(tmp_path):
    (tmp_path / "training_images_undistort").mkdir()
    with pytest.raises(DatasetError, match="expected images in training_images_undistort"):
        read_baidu_mall(tmp_path)
