"""The planar objects of interest of a world on disk: reference images and where they hang.

    objects/000001.png                 reference image of object 1
    frames/<traversal>/objects.json    [{"id", "instance", "image", "corners_map"}, …]: corners top
                                       left, top right, bottom right, bottom left in metres
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2

from semloc_ros.worlds.recording.frames import write_whole
from semloc_ros.worlds.recording.traversal import PlannedObject

OBJECTS_FILE = "objects.json"


def write_objects(world: Path, dataset: Path, objects: Sequence[PlannedObject]) -> None:
    """The objects of one traversal; reference images that are there are kept."""
    rows = []
    for one in objects:
        image = Path("objects") / f"{one.object_id:06d}.png"
        if not (world / image).exists():
            bgr = cv2.cvtColor(one.texture, cv2.COLOR_RGB2BGR)
            write_whole(world / image, cv2.imencode(".png", bgr)[1].tobytes())
        rows.append(
            {
                "id": one.object_id,
                "instance": one.instance,
                "image": str(image),
                "corners_map": one.corners_map.tolist(),
            }
        )
    write_whole(dataset / OBJECTS_FILE, (json.dumps(rows, indent=1) + "\n").encode())
