"""Matches of objects of interest of PointCloud2 messages, of a bag or of a node.

A match is one point: `x y z` in the map, `u v` the pixel of the image, `sigma` of the pixel
(float32), `object` the row of the map's object, `instance` which of the places where such an object
hangs, `detection` which find of the image (uint16), `score` (float32) in [0, 1]. The frame is the
map's, the stamp that of the image. Where in the reference image a match lies is told by x y z.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from semloc_ros.errors import InputError, expected
from semloc_ros.localization.point_clouds import (
    FLOAT32,
    UINT16,
    check_frame,
    floats_of,
    rows_from,
    stamp_in,
)
from semloc_ros.types import Correspondences, ObjectMatches

FLOATS = ("x", "y", "z", "u", "v", "sigma")
NUMBERS = ("object", "instance", "detection")
KINDS = {**dict.fromkeys(FLOATS, FLOAT32), **dict.fromkeys(NUMBERS, UINT16), "score": FLOAT32}


def matches_from(message: Any, map_frame: str) -> ObjectMatches:
    """What objects say of an image, of a message; its fields may lie in any order, and others
    beside them. Without points there are no matches.

    InputError, one line, for another frame, fields that are missing or of another type, torn data,
    NaN, sigmas that are not above 0, and scores that are not in [0, 1].
    """
    name = "correspondences"
    check_frame(message, name, map_frame)
    rows = rows_from(message, KINDS, name)
    floats = floats_of(rows, (*FLOATS, "score"), name)
    sigmas, scores = floats[:, 5], floats[:, 6]
    if (sigmas <= 0).any():
        raise InputError(expected(f"{name}.sigma", "numbers above 0", f"{sigmas.min():g}"))
    if ((scores < 0) | (scores > 1)).any():
        worst = scores[np.argmax(np.abs(scores - 0.5))]
        raise InputError(expected(f"{name}.score", "numbers from 0 to 1", f"{worst:g}"))
    known = Correspondences(
        floats[:, 3:5], floats[:, :3], sigmas, scores, np.full(len(rows), -1, np.int64)
    )
    numbers = (rows[one].astype(np.int64) for one in NUMBERS)
    return ObjectMatches(stamp_in(message), known, *numbers)
