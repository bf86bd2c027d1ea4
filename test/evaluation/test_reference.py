from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from semloc_ros.datasets.tum import read_tum
from semloc_ros.errors import DatasetError
from semloc_ros.evaluation.predictions import FRAMES, ODOMETRY, TRUTH
from semloc_ros.evaluation.reference import reference_from_bag

STORE = get_typestore(Stores.ROS2_JAZZY)
IMAGE, POSE = "sensor_msgs/msg/CompressedImage", "geometry_msgs/msg/PoseStamped"
START_NS = 1_700_000_000_000_000_123


def header(stamp_ns: int) -> object:
    time = STORE.types["builtin_interfaces/msg/Time"]
    stamp = time(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    return STORE.types["std_msgs/msg/Header"](stamp=stamp, frame_id="map")


def pose(x: float) -> object:
    place = STORE.types["geometry_msgs/msg/Point"](x=x, y=2.0, z=3.0)
    turn = STORE.types["geometry_msgs/msg/Quaternion"](x=0.0, y=0.0, z=0.0, w=1.0)
    return STORE.types["geometry_msgs/msg/Pose"](position=place, orientation=turn)


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """Three images and five true poses, recorded 10 ms after their stamps."""
    with Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        images = writer.add_connection("/image", IMAGE, typestore=STORE)
        truth = writer.add_connection("/truth", POSE, typestore=STORE)
        odom = writer.add_connection("/odom", POSE, typestore=STORE)
        writer.add_connection("/silent", IMAGE, typestore=STORE)
        for i in range(5):
            stamp_ns = START_NS + i * 10**8
            stamped = STORE.types[POSE](header=header(stamp_ns), pose=pose(float(i)))
            writer.write(truth, stamp_ns + 10**7, STORE.serialize_cdr(stamped, POSE))
            driven = STORE.types[POSE](header=header(stamp_ns), pose=pose(float(-i)))
            writer.write(odom, stamp_ns + 10**7, STORE.serialize_cdr(driven, POSE))
            if i % 2 == 0:
                picture = STORE.types[IMAGE](
                    header=header(stamp_ns), format="jpeg", data=np.zeros(4, dtype=np.uint8)
                )
                writer.write(images, stamp_ns + 10**7, STORE.serialize_cdr(picture, IMAGE))
    return tmp_path / "bag"


def test_every_image_is_a_frame_and_the_truth_keeps_its_stamps(bag: Path, tmp_path: Path) -> None:
    reference_from_bag(bag, "/image", "/truth", tmp_path / "out")
    frames = [int(line) for line in (tmp_path / "out" / FRAMES).read_text().split()]
    assert frames == [START_NS + i * 10**8 for i in (0, 2, 4)]
    stamps, poses = read_tum(tmp_path / "out" / TRUTH)
    assert stamps.tolist() == [START_NS + i * 10**8 for i in range(5)]
    assert poses[:, 0, 3].tolist() == [0, 1, 2, 3, 4]
    assert not (tmp_path / "out" / ODOMETRY).exists()


def test_odometry_is_put_beside_the_truth(bag: Path, tmp_path: Path) -> None:
    reference_from_bag(bag, "/image", "/truth", tmp_path / "out", "/odom")
    _, poses = read_tum(tmp_path / "out" / ODOMETRY)
    assert poses[:, 0, 3].tolist() == [0, -1, -2, -3, -4]


@pytest.mark.parametrize("topic", ["/silent", "/none"])
def test_a_bag_without_images_is_one_line(bag: Path, tmp_path: Path, topic: str) -> None:
    with pytest.raises(DatasetError, match=topic):
        reference_from_bag(bag, topic, "/truth", tmp_path / "out")
