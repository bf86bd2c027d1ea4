"""Matches of objects of interest: into the map, and find by find (Weinzaepfel et al., "Visual
Localization by Learning Objects-of-Interest Dense Match Regression", CVPR 2019, section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import ObjectsConfig
from semloc_ros.errors import InputError, expected
from semloc_ros.maps.objects import MapObjects, ObjectInstance
from semloc_ros.types import (
    Correspondences,
    FloatArray,
    Frame,
    ObjectDetection,
    ObjectMatches,
)


@dataclass(frozen=True, slots=True)
class Find:
    """One object in the image: its matches if it is the k-th of the places where it hangs.

    There is one in `instances` for each; of all the number is thinned to `points` of the config.
    """

    instances: tuple[Correspondences, ...]


def lift(
    detections: Sequence[ObjectDetection], objects: MapObjects, stamp_ns: int
) -> ObjectMatches:
    """The matches of detections as 2D-3D correspondences, by the paper's M_o: of an object with
    several instances each pixel once for each. InputError for an object the map does not have."""
    rows = {name: row for row, name in enumerate(objects.names)}
    parts: list[Correspondences] = []
    whose: list[NDArray[np.int64]] = []
    for number, detection in enumerate(detections):
        if detection.name not in rows:
            wanted = f"one of the map's {len(objects)}"
            raise InputError(expected("object", wanted, detection.name))
        row = rows[detection.name]
        for instance, place in enumerate(objects.objects[row].instances):
            part = _lifted(detection, place)
            parts.append(part)
            whose.append(np.tile([row, instance, number], (len(part), 1)).astype(np.int64))
    columns = np.concatenate([np.empty((0, 3), np.int64), *whose]).T
    return ObjectMatches(stamp_ns, joined(parts), *columns)


def _lifted(detection: ObjectDetection, place: ObjectInstance) -> Correspondences:
    """What lies at or beyond the horizon of the plane, as the reference saw it, is left out."""
    depths = np.c_[detection.points_uv, np.ones(len(detection))] @ place.map_from_uv[3]
    kept = depths * np.sign(np.median(depths)) > 1e-9 if len(detection) else slice(None)
    return Correspondences(
        detection.points_image[kept], place.points_map(detection.points_uv[kept]),
        detection.sigmas_px[kept], detection.scores[kept],
        np.full(len(detection.scores[kept]), -1, np.int64),
    )  # fmt: skip


def joined(parts: Sequence[Correspondences]) -> Correspondences:
    """All in one, in their order."""
    return Correspondences(
        np.concatenate([np.empty((0, 2)), *(one.points_image for one in parts)]),
        np.concatenate([np.empty((0, 3)), *(one.points_map for one in parts)]),
        np.concatenate([np.empty(0), *(one.sigmas_px for one in parts)]),
        np.concatenate([np.empty(0), *(one.scores for one in parts)]),
        np.concatenate([np.empty(0, np.int64), *(one.point_ids for one in parts)]),
    )


def check_objects(objects: ObjectMatches) -> None:
    """InputError, in one line, for matches that are none."""
    matches, count = objects.correspondences, len(objects)
    shapes = {
        "points_image": (matches.points_image, (count, 2)),
        "points_map": (matches.points_map, (count, 3)),
        "sigmas_px": (matches.sigmas_px, (count,)), "scores": (matches.scores, (count,)),
        "objects": (objects.objects, (count,)),
        "instances": (objects.instances, (count,)), "detections": (objects.detections, (count,)),
    }  # fmt: skip
    for name, (values, shape) in shapes.items():
        if values.shape != shape:
            raise InputError(expected(f"objects: {name}", shape, values.shape))
        if not np.isfinite(values).all():
            raise InputError(expected(f"objects: {name}", "finite numbers", "NaN or infinity"))
    if not count:
        return
    if matches.sigmas_px.min() <= 0:
        least = float(matches.sigmas_px.min())
        raise InputError(expected("objects: sigmas_px", "more than 0", least))
    numbers = int(min(objects.objects.min(), objects.instances.min(), objects.detections.min()))
    if numbers < 0:
        raise InputError(expected("objects: numbers", "from 0", numbers))


def usable_finds(frame: Frame, config: ObjectsConfig, seed: int) -> tuple[list[Find], str]:
    """What objects were found in a frame, and one line if they cannot be used."""
    objects = frame.objects
    if objects is None or not config.use or not len(objects):
        return [], ""
    if objects.stamp_ns != frame.stamp_ns:
        return [], expected("objects", "those of this image", "of another one")
    try:
        check_objects(objects)
    except InputError as error:
        return [], str(error)
    return finds_of(objects, config, seed), ""


def finds_of(objects: ObjectMatches, config: ObjectsConfig, seed: int) -> list[Find]:
    """Find by find, those with enough matches, the one with most first.

    Of each `config.points` matches are drawn: those beside one another say the same.
    """
    found: list[tuple[int, Find]] = []
    for number in np.unique(objects.detections):
        rows = np.flatnonzero(objects.detections == number)
        places = np.unique(objects.instances[rows])
        by_place = [rows[objects.instances[rows] == place] for place in places]
        many = [part for part in by_place if len(part) >= config.min_matches]
        if many:
            chosen = tuple(_drawn(objects.correspondences, part, config, seed) for part in many)
            found.append((max(len(part) for part in many), Find(chosen)))
    return [find for _, find in sorted(found, key=lambda one: -one[0])]


def _drawn(
    matches: Correspondences, rows: NDArray[np.int64], config: ObjectsConfig, seed: int
) -> Correspondences:
    """Some of the rows, in the order of those that were given, and no sigma below the least."""
    order = np.random.default_rng(seed).permutation(len(rows))[: config.points]
    part = matches.select(rows[np.sort(order)])
    sigmas: FloatArray = np.maximum(part.sigmas_px, config.min_sigma_px)
    return Correspondences(
        part.points_image, part.points_map, sigmas, part.scores, part.point_ids
    )
