"""What predictions are judged against, read from a bag: all images' stamps, truth, odometry."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from semloc_ros.datasets.bag_images import IMAGE_TYPES
from semloc_ros.datasets.bag_reader import messages, stamp_of
from semloc_ros.datasets.bags import poses
from semloc_ros.errors import DatasetError, expected
from semloc_ros.evaluation.predictions import Drive, Truth, write_reference


def reference_from_bag(
    bag: Path, image_topic: str, truth_topic: str, folder: Path, odom_topic: str | None = None
) -> None:
    """Write frames.txt, truth.tum and odom.tum of a query bag into a folder of predictions.

    The truth is the pose of the robot base in the map; without a topic of odometry the
    transforms of the run cannot be judged. Raises DatasetError for a topic that
    is not there or has no messages.
    """
    frames = [stamp_of(message.header) for _, message in messages(bag, image_topic, IMAGE_TYPES)]
    if not frames:
        raise DatasetError(expected(f"{bag} {image_topic}", "images", "no messages"))
    stamps_ns, map_from_base = poses(bag, truth_topic)
    odometry = Drive(*poses(bag, odom_topic)) if odom_topic else None
    truth = Truth(stamps_ns, map_from_base)
    write_reference(folder, np.array(frames, dtype=np.int64), truth, odometry)
