"""A bag of a synthetic world again, with the true masks of what can move beside its images.

`--frames` is the dataset folder of the same traversal (`semloc world make … --output both`). The
topic /mask has an image (mono8, 255 = people and vehicles, moving or not) for each image of
`--camera`, of its stamp and recorded just behind it: what a mask node without any error or delay
would give. So `semloc evaluate --set topics.mask=/mask` shows the most that masks can do.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from semloc_ros.datasets.bag_reader import open_bag
from semloc_ros.errors import DatasetError, expected

MOVABLE = 128  # of the truth's motions: this and more
STORE = get_typestore(Stores.ROS2_JAZZY)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--bag", type=Path, required=True)
    parser.add_argument("--frames", type=Path, required=True)
    parser.add_argument("--camera", default="camera")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(argv)
    pictures = f"/{given.camera}/image_raw/compressed"
    truth = true_motions(given.frames, given.camera)
    with (
        open_bag(given.bag) as reader,
        Writer(given.out, version=9, storage_plugin=StoragePlugin.MCAP) as writer,
    ):
        copies = {one.id: copied(writer, one) for one in reader.connections}
        masks = writer.add_connection("/mask", "sensor_msgs/msg/Image", typestore=STORE)
        for connection, at_ns, raw in reader.messages():
            writer.write(copies[connection.id], at_ns, raw)
            if connection.topic == pictures:
                message = mask_message(STORE.deserialize_cdr(raw, connection.msgtype).header, truth)
                writer.write(masks, at_ns, STORE.serialize_cdr(message, message.__msgtype__))


def true_motions(frames: Path, camera: str) -> dict[int, Path]:
    """Files of the truth's motions by the stamps of a camera's images."""
    records = frames / "sensors" / "records_camera.txt"
    if not records.exists():
        raise DatasetError(expected(str(records), "the records of a dataset folder", "nothing"))
    rows = [line.split(", ") for line in records.read_text().splitlines() if line[:1] != "#"]
    return {
        int(stamp): frames / "truth" / camera / f"{Path(name).stem}.motions.png"
        for stamp, device, name in rows
        if device == camera
    }


def copied(writer: Writer, connection: Any) -> Any:
    """The connection of a bag in another one, with its quality of service."""
    return writer.add_connection(
        connection.topic, connection.msgtype, typestore=STORE,
        offered_qos_profiles=connection.ext.offered_qos_profiles,
    )  # fmt: skip


def mask_message(header: Any, truth: dict[int, Path]) -> Any:
    """The mask of the image of that header."""
    stamp = header.stamp.sec * 10**9 + header.stamp.nanosec
    motions = cv2.imread(str(truth[stamp]), cv2.IMREAD_GRAYSCALE) if stamp in truth else None
    if motions is None:
        raise DatasetError(expected(str(truth.get(stamp)), "the motions of an image", stamp))
    mask = np.where(motions >= MOVABLE, 255, 0).astype(np.uint8)
    height, width = mask.shape
    kind = STORE.types["sensor_msgs/msg/Image"]
    return kind(header, height, width, "mono8", 0, width, mask.ravel())


if __name__ == "__main__":
    main()
