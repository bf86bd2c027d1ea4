"""Topics, images over the time, and paths that look ahead."""

import numpy as np
import pytest

from semloc_ros.datasets.bag_contents import load_bag, recognize
from semloc_ros.errors import DatasetError
from semloc_ros.geometry import se3


def test_a_bag_is_counted_and_its_path_looks_along_x(tiny_bag, tmp_path):
    with tiny_bag() as bag:
        for k in range(20):
            bag.camera_info("/camera/camera_info", 100 * k)
            bag.raw_image("/camera/image_raw", 100 * k, np.full((6, 8), k, np.uint8), "mono8")
            bag.odometry("/odom", 100 * k, (0.1 * k, 2.0, 0.0))
    assert recognize(tmp_path / "bag")
    contents = load_bag(tmp_path / "bag")
    assert dict(contents.counts) == {
        "/camera/camera_info (CameraInfo)": 20,
        "/camera/image_raw (Image)": 20,
        "/odom (Odometry)": 20,
    }
    values = [int(sample.read()[0, 0]) for sample in contents.samples]
    assert len(values) == 12
    assert values == sorted(set(values))
    assert values[0] == 0
    assert contents.samples[0].camera.width == 8
    map_from_camera = se3.inverse(contents.poses["/odom"])
    assert np.allclose(map_from_camera[3, :3, 3], [0.3, 2.0, 0.0])
    assert np.allclose(map_from_camera[:, :3, 2], [1, 0, 0])
    assert np.allclose(map_from_camera[:, :3, 1], [0, 0, -1])


def test_a_camera_that_is_none_is_a_note(tiny_bag, tmp_path):
    with tiny_bag() as bag:
        bag.camera_info("/camera/camera_info", 0, focal=0.0)
        bag.raw_image("/camera/image_raw", 0, np.zeros((6, 8), np.uint8), "mono8")
    contents = load_bag(tmp_path / "bag")
    assert len(contents.warnings) == 1
    assert contents.samples[0].camera is None


def test_a_broken_bag_is_one_line(tmp_path):
    (tmp_path / "metadata.yaml").write_text("no bag")
    assert recognize(tmp_path)
    with pytest.raises(DatasetError, match="expected a readable bag"):
        load_bag(tmp_path)
