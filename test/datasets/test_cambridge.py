"""A tiny scene in the true format, and what is said when it is broken."""

import numpy as np
import pytest

from semloc_ros.datasets.cambridge import read_cambridge, recognize
from semloc_ros.errors import DatasetError
from semloc_ros.geometry import se3
from semloc_ros.maps.nvm import read_nvm_views

HEADER = "Visual Landmark Dataset V1\nImageFile, Camera Position [X Y Z W P Q R]\n\n"
# name, focal length, quaternion, centre, radial distortion, 0
MODEL = """\
NVM_V3

3
seq1/frame00001.jpg 1670.5 1 0 0 0 0 0 0 0 0
seq1/frame00002.jpg 1660.5 1 0 0 0 0 0 0 -0.05 0
seq9/frame00009.jpg 1650.5 1 0 0 0 0 0 0 0 0

0
"""


@pytest.fixture
def folder(tmp_path, known_pose, write_image):
    pose = f"{known_pose.text(known_pose.centre)} {known_pose.text(known_pose.wxyz)}"
    rows = [f"seq1/frame0000{n}.png {pose}\n" for n in (1, 2, 3)]
    (tmp_path / "dataset_train.txt").write_text(HEADER + rows[0] + rows[1])
    (tmp_path / "dataset_test.txt").write_text(HEADER + rows[2])
    (tmp_path / "reconstruction.nvm").write_text(MODEL)
    for number in (1, 2, 3):
        write_image(tmp_path / "seq1" / f"frame0000{number}.png", 1920, 1080)
    return tmp_path


def test_poses_and_cameras(folder, known_pose):
    assert recognize(folder)
    found = read_cambridge(folder)
    first, bent = found.mapping
    known_pose.check(first)
    assert first.name == "seq1/frame00001.png"
    lens = first.camera
    assert (lens.width, lens.height, lens.fx, lens.cx, lens.cy) == (
        1920,
        1080,
        1670.5,
        959.5,
        539.5,
    )
    assert bent.camera.model == "radtan"
    assert first.read().shape == (1080, 1920, 3)


def test_a_real_camera_stands_upright_at_its_centre(folder):
    """Of ShopFacade: taken as camera to world, its rotation would hold the camera upside down."""
    row = "seq1/frame00003.png -0.157816 -10.413150 1.832074 0.712261 0.682691 -0.123193 0.106962\n"
    (folder / "dataset_test.txt").write_text(HEADER + row)
    (query,) = read_cambridge(folder).queries
    map_from_camera = se3.inverse(query.camera_from_map)
    assert np.allclose(map_from_camera[:3, 3], [-0.157816, -10.413150, 1.832074])
    assert np.allclose(map_from_camera[:3, 1], [-0.015836, 0.044984, -0.998862], atol=1e-5)  # down


def test_the_poses_of_the_model_are_those_of_the_lists(folder):
    """Both have the rotation world to camera, w first, and the camera's centre: the pose that must
    come out is worked out here from a row of ShopFacade, whose camera stands upright."""
    centre, wxyz = "-0.157816 -10.413150 1.832074", "0.712261 0.682691 -0.123193 0.106962"
    (folder / "dataset_train.txt").write_text(f"{HEADER}seq1/frame00001.png {centre} {wxyz}\n")
    line = f"seq1/frame00001.jpg\t1670.5 {wxyz} {centre} -0.0504 0"
    (folder / "reconstruction.nvm").write_text(f"NVM_V3 \n\n1\n{line}\n\n0\n")
    (listed,) = read_cambridge(folder).mapping
    (modelled,) = read_nvm_views(folder / "reconstruction.nvm")
    w, x, y, z = map(float, wxyz.split())
    turn = np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip
    wanted = se3.make_pose(turn, -turn @ np.array([float(one) for one in centre.split()]))
    np.testing.assert_allclose(listed.camera_from_map, wanted, atol=2e-5)
    np.testing.assert_allclose(modelled.camera_from_map, listed.camera_from_map, atol=1e-12)
    assert modelled.calibration.fx == listed.camera.fx == 1670.5


def test_an_image_that_the_model_lacks_gets_the_median_focal_length(folder, known_pose):
    (query,) = read_cambridge(folder).queries
    known_pose.check(query)
    assert query.camera.fx == 1660.5


def test_a_given_focal_length_needs_no_model(folder):
    (folder / "reconstruction.nvm").unlink()
    cameras = {image.camera.fx for image in read_cambridge(folder, focal_px=1600.0).mapping}
    assert cameras == {1600.0}


def test_of_a_part_what_is_missing_is_counted(folder):
    missing = [folder / "dataset_test.txt", folder / "seq1" / "frame00002.png"]
    for path in missing:
        path.unlink()
    found = read_cambridge(folder, part=True)
    assert [image.name for image in found.mapping] == ["seq1/frame00001.png"]
    assert (found.queries, found.missing) == ([], missing)
    (folder / "seq1" / "frame00001.png").unlink()
    with pytest.raises(DatasetError, match=r"frame00002.png: expected an image, got no such file"):
        read_cambridge(folder, part=True)


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("dataset_test.txt", None, "dataset_test.txt: expected a list of images and poses, got no"),
        ("dataset_test.txt", HEADER, "dataset_test.txt: expected images after the header"),
        ("dataset_test.txt", HEADER + "a.png 1 2 3\n", "test.txt line 4: expected 8 fields, got 4"),
        ("dataset_test.txt", HEADER + "a.png 1 2 3 x 0 0 0\n", "line 4: expected numbers"),
        ("dataset_test.txt", HEADER + "a.png 1 2 3 0 0 0 0\n", "line 4: .*a unit quaternion"),
        ("dataset_test.txt", HEADER + "a.png 1 0 0 0 1 2 3\n", "a unit quaternion, got .* 3.74"),
        ("dataset_test.txt", HEADER + "a.png 1 2 3 1 0 0 0\n", "a.png: expected an image, got no"),
        ("reconstruction.nvm", None, "reconstruction.nvm: expected an NVM file"),
        ("reconstruction.nvm", "NVM_V3\n\n2\na.jpg 1\n", "reconstruction.nvm line 4: expected"),
        ("seq1/frame00003.png", "text", "frame00003.png: expected a PNG or JPEG image"),
    ],
)
def test_a_broken_file_is_one_line(folder, name, text, complaint):
    path = folder / name
    path.write_text(text) if text else path.unlink()
    with pytest.raises(DatasetError, match=complaint) as fault:
        read_cambridge(folder)
    assert "\n" not in str(fault.value)
