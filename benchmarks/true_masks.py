"""A bag of a synthetic world again, with masks of what can move beside its images.

`--frames` is the dataset folder of the same traversal (`semloc world make … --output both`). The
topic /mask has an image (mono8, 255 = people and vehicles, moving or not) for each image of
`--camera`, of its stamp and recorded just behind it: what a mask node without any error or delay
would give. So `semloc evaluate --set topics.mask=/mask` shows the most that masks can do.

`--masks /mask_mine=FOLDER` adds those of a model, `semloc mask FRAMES --model MINE --out FOLDER`;
`--ablate no_masks --ablate true=topics.mask=/mask --ablate mine=topics.mask=/mask_mine` compares.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mask_gains import NONE, TRUE, MaskOf, masks_by_name
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from semloc_ros.datasets.bag_reader import open_bag
from semloc_ros.errors import DatasetError, expected
from semloc_ros.maps.kapture import read_kapture
from semloc_ros.types import PosedImage

STORE = get_typestore(Stores.ROS2_JAZZY)
TOPIC = "/mask"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--bag", type=Path, required=True)
    parser.add_argument("--frames", type=Path, required=True)
    parser.add_argument("--camera", default="camera")
    parser.add_argument("--masks", action="append", default=[], metavar="TOPIC=FOLDER")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(argv)
    pictures = f"/{given.camera}/image_raw/compressed"
    images = {
        image.stamp_ns: image for image in read_kapture(given.frames)
        if image.name.startswith(f"{given.camera}/")
    }  # fmt: skip
    masks = masks_by_name(given.masks, given.frames)
    masks = {TOPIC if name == TRUE else name: one for name, one in masks.items() if name != NONE}
    with (
        open_bag(given.bag) as reader,
        Writer(given.out, version=9, storage_plugin=StoragePlugin.MCAP) as writer,
    ):
        copies = {one.id: copied(writer, one) for one in reader.connections}
        added = {
            topic: writer.add_connection(topic, "sensor_msgs/msg/Image", typestore=STORE)
            for topic in masks
        }
        for connection, at_ns, raw in reader.messages():
            writer.write(copies[connection.id], at_ns, raw)
            if connection.topic == pictures:
                header = STORE.deserialize_cdr(raw, connection.msgtype).header
                for topic, message in mask_messages(header, images, masks).items():
                    cdr = STORE.serialize_cdr(message, message.__msgtype__)
                    writer.write(added[topic], at_ns, cdr)


def copied(writer: Writer, connection: Any) -> Any:
    """The connection of a bag in another one, with its quality of service."""
    return writer.add_connection(
        connection.topic, connection.msgtype, typestore=STORE,
        offered_qos_profiles=connection.ext.offered_qos_profiles,
    )  # fmt: skip


def mask_messages(
    header: Any, images: Mapping[int, PosedImage], masks: Mapping[str, MaskOf]
) -> dict[str, Any]:
    """The masks of the image of that header, by topic."""
    image = images.get(header.stamp.sec * 10**9 + header.stamp.nanosec)
    if image is None:
        raise DatasetError(expected("--frames", f"the image of {header.stamp}", "none"))
    kind, found = STORE.types["sensor_msgs/msg/Image"], {}
    for topic, mask_of in masks.items():
        mask = mask_of(image, np.empty(0, np.uint8))
        height, width = mask.shape
        found[topic] = kind(header, height, width, "mono8", 0, width, mask.ravel())
    return found


if __name__ == "__main__":
    main()
