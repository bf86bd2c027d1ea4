"""A tiny folder in the true format, and what is said when it is broken."""

import numpy as np
import pytest
from cv2 import imwrite

from semloc_ros.datasets.seven_scenes import (
    DEPTH_CAMERA,
    depth_paths,
    read_depth,
    read_scene,
    read_seven_scenes,
    recognize,
)
from semloc_ros.errors import DatasetError
from semloc_ros.geometry import se3
from semloc_ros.geometry.cameras import inside_image, project, unproject

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


def test_endings_in_capitals_and_line_ends_of_windows(folder):
    pose = folder / "frame-000003.pose.txt"
    wanted = read_seven_scenes(folder)[1].camera_from_map
    pose.write_bytes(pose.read_bytes().replace(b"\n", b"\r\n"))
    (folder / "frame-000003.color.jpg").rename(folder / "frame-000003.color.JPG")
    image = read_seven_scenes(folder)[1]
    assert image.name == "frame-000003.color.JPG"
    assert np.array_equal(image.camera_from_map, wanted)


def test_a_range_of_frames(folder):
    assert [image.name[6:12] for image in read_seven_scenes(folder, start=3, stop=10)] == ["000003"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "pose.txt: expected a pose, got no such file"),
        ("1 0 0\n", "pose.txt line 1: expected 4 fields, got 3"),
        ("1 0 0 0\n", "pose.txt: expected 4 rows of 4 numbers, got 1 rows"),
        (POSE.replace("9.0931290e-01", "nan"), "pose.txt: expected finite numbers"),
        ("a b c d\n" * 4, "pose.txt: expected numbers"),
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


@pytest.fixture
def scene(tmp_path, known_pose):
    rows = "\n".join(known_pose.text(row) for row in known_pose.map_from_camera)
    for name in ("seq-01", "seq-02"):
        (tmp_path / name).mkdir()
        imwrite(str(tmp_path / name / "frame-000000.color.png"), np.zeros((480, 640, 3)))
        (tmp_path / name / "frame-000000.pose.txt").write_text(rows)
    (tmp_path / "TrainSplit.txt").write_text("sequence1\n")
    (tmp_path / "TestSplit.txt").write_text("sequence2\n")
    return tmp_path


def test_a_scene_has_its_splits(scene, known_pose):
    assert recognize(scene)
    found = read_scene(scene)
    assert [image.name for image in found.mapping] == ["seq-01/frame-000000.color.png"]
    (query,) = found.queries
    known_pose.check(query)  # the file holds camera to world


@pytest.mark.parametrize(
    ("split", "complaint"),
    [
        (None, "TestSplit.txt: expected the sequences of a split, got no such file"),
        ("sequence3\n", "TestSplit.txt line 1: expected a sequence that is there, got sequence3"),
        ("first\n", "TestSplit.txt line 1: expected a sequence that is there, got first"),
    ],
)
def test_a_broken_split_is_one_line(scene, split, complaint):
    path = scene / "TestSplit.txt"
    path.write_text(split) if split else path.unlink()
    with pytest.raises(DatasetError, match=complaint):
        read_scene(scene)


def test_of_a_part_missing_sequences_are_counted(scene):
    (scene / "TestSplit.txt").write_text("sequence2\nsequence3\n")
    found = read_scene(scene, part=True)
    assert (len(found.mapping), len(found.queries)) == (1, 1)
    assert found.missing == [scene / "seq-03"]
    for name in ("TrainSplit.txt", "TestSplit.txt"):
        (scene / name).write_text("sequence4\n")
    with pytest.raises(DatasetError, match="expected sequences of TrainSplit.txt and TestSplit"):
        read_scene(scene, part=True)


def test_depth_is_metres_and_nothing_is_nan(tmp_path):
    path = tmp_path / "frame-000007.depth.png"
    imwrite(str(path), np.array([[0, 1500], [65535, 65534]], np.uint16))
    assert depth_paths(tmp_path) == [path]
    depth = read_depth(path)
    assert np.allclose(depth, [[np.nan, 1.5], [np.nan, 65.534]], equal_nan=True)


def test_broken_depth_is_one_line(tmp_path):
    path = tmp_path / "frame-000000.depth.png"
    with pytest.raises(DatasetError, match=r"depth.png: expected a grey image of 16 bits, got no"):
        read_depth(path)
    imwrite(str(path), np.zeros((4, 4), np.uint8))
    with pytest.raises(DatasetError, match="expected a grey image of 16 bits, got another file"):
        read_depth(path)


def depth_differences(first, second, second_from_first):
    """Of the surfaces of one depth image in another: measured minus expected, metres."""
    rows, columns = (grid.ravel() for grid in np.mgrid[0:480:7, 0:640:7])
    depth = first[rows, columns].astype(float)
    known = np.isfinite(depth)
    rays = unproject(DEPTH_CAMERA, np.stack([columns, rows], axis=1)[known].astype(float))
    moved = se3.transform(second_from_first, rays / rays[:, 2:] * depth[known, None])
    pixels, seen = project(DEPTH_CAMERA, moved)
    inside = seen & inside_image(DEPTH_CAMERA, pixels)
    assert inside.mean() > 0.4
    column, row = pixels[inside].round().astype(int).T
    return second[row, column] - moved[inside, 2]


def test_real_depth_and_poses_agree(shared_data):
    """The poses are camera to world: the other way round, surfaces do not meet."""
    folder = shared_data("redkitchen")
    paths = depth_paths(folder)
    assert len(paths) == 30
    poses = [image.camera_from_map for image in read_seven_scenes(folder)][::25]
    first, second = (read_depth(paths[k]) for k in (0, 3))
    right, wrong = poses[3] @ se3.inverse(poses[0]), se3.inverse(poses[3]) @ poses[0]
    assert np.nanmedian(np.abs(depth_differences(first, second, right))) < 0.02
    assert np.nanmedian(np.abs(depth_differences(first, second, wrong))) > 0.3
