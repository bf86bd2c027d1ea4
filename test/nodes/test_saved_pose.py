"""The saved pose: round trip, and every way to be of no use."""

import numpy as np
import pytest

from semloc_ros.errors import InputError
from semloc_ros.geometry import se3
from semloc_ros.nodes.saved_pose import load_pose, save_pose

POSE = se3.exp([1, 2, 3, 0.1, 0.2, 0.3])
COVARIANCE = np.diag([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])


def test_round_trip(tmp_path):
    file = tmp_path / "deep" / "pose.yaml"
    save_pose(file, "/maps/hall", "map", 12, POSE, COVARIANCE)
    pose, covariance = load_pose(file, "/maps/hall", "map")
    np.testing.assert_allclose(pose, POSE, atol=1e-12)
    np.testing.assert_array_equal(covariance, COVARIANCE)
    assert [path.name for path in file.parent.iterdir()] == ["pose.yaml"]


def test_a_pose_of_another_map_or_frame_is_refused(tmp_path):
    file = tmp_path / "pose.yaml"
    save_pose(file, "/maps/hall", "map", 12, POSE, COVARIANCE)
    with pytest.raises(InputError, match="expected a pose of /maps/street"):
        load_pose(file, "/maps/street", "map")
    with pytest.raises(InputError, match="in frame world"):
        load_pose(file, "/maps/hall", "world")


def test_a_map_is_known_by_its_manifest_not_by_its_path(tmp_path, monkeypatch):
    file, hall, copy = tmp_path / "pose.yaml", tmp_path / "hall", tmp_path / "copy"
    for folder in (hall, copy):
        folder.mkdir()
        (folder / "manifest.json").write_text('{"files": "sealed"}')
    save_pose(file, str(hall), "map", 12, POSE, COVARIANCE)
    monkeypatch.chdir(tmp_path)
    for same in ("hall", "./hall", str(copy)):
        load_pose(file, same, "map")
    (hall / "manifest.json").write_text('{"files": "built anew"}')
    with pytest.raises(InputError, match="as it was then"):
        load_pose(file, str(hall), "map")


@pytest.mark.parametrize(
    ("covariance", "words"),
    [
        (np.full((6, 6), np.nan), "covariance: expected finite numbers"),
        (-np.eye(6), "covariance: expected a covariance, got negative variances"),
    ],
)
def test_a_covariance_that_is_none_is_refused(tmp_path, covariance, words):
    file = tmp_path / "pose.yaml"
    save_pose(file, "/maps/hall", "map", 12, POSE, covariance)
    with pytest.raises(InputError, match=words):
        load_pose(file, "/maps/hall", "map")


def test_a_position_that_is_not_finite_is_refused(tmp_path):
    file = tmp_path / "pose.yaml"
    save_pose(file, "/maps/hall", "map", 12, POSE, COVARIANCE)
    file.write_text(file.read_text().replace("position:\n- 1", "position:\n- .nan\n#", 1))
    with pytest.raises(InputError, match="finite"):
        load_pose(file, "/maps/hall", "map")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("position: [1, 2", "expected a saved pose"),
        ("just words", "expected the keys"),
        ("position: [1, 2, 3]", "expected the keys"),
    ],
)
def test_broken_files(tmp_path, text, words):
    file = tmp_path / "pose.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        load_pose(file, "/maps/hall", "map")
    assert "\n" not in str(caught.value)


def test_wrong_numbers(tmp_path):
    file = tmp_path / "pose.yaml"
    save_pose(file, "m", "map", 12, POSE, COVARIANCE)
    file.write_text(file.read_text().replace("position:\n- 1", "position:\n- one, 1", 1))
    with pytest.raises(InputError, match="3, 4 and 36 numbers"):
        load_pose(file, "m", "map")


def test_no_file_and_no_place_to_write(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        load_pose(tmp_path / "none.yaml", "m", "map")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="a file that can be written"):
        save_pose(tmp_path / "file" / "pose.yaml", "m", "map", 1, POSE, COVARIANCE)
