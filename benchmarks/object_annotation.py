"""How exactly objects that were marked in one image are known in the map, and in its other images.

    python benchmarks/object_annotation.py MAP WORLD [--traversal mapping]

MAP was built of images of the traversal of a gallery of `semloc world make` with truth. Each object
is marked by its true corners, in the view that shows it wholly with most pixels; then it is found
in all views as `semloc learn objects` does. Printed: where that puts its corners in the map and in
the views, against the truth; how far the views' own homographies put them from where its plane
does; views that show 400 pixels of it or more, those of them that were missed, and such that do not
show it at all. `IoU` are those of its masks in the views that show so much of it and were not
missed, with what is truly seen of it there: visitors before it are none of it, and no mark says so;
`covered` is the share of what is truly seen that the masks have.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from reporting import report

from semloc_ros.config.object_annotation import AnnotationConfig
from semloc_ros.datasets.map_objects import picture_objects
from semloc_ros.datasets.world_objects import world_map_objects, world_object_images
from semloc_ros.geometry import homographies, planes
from semloc_ros.learning.object_annotation import CORNERS, Mark, Propagated, Propagator
from semloc_ros.maps.objects import MapObjects, ObjectInstance, ObjectOfInterest
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.maps.storage import load_map
from semloc_ros.types import FloatArray, ObjectImage

_SHOWN = 400  # pixels of an object that count as shown
_WHOLE = 0.97  # share of an object's area that shows it wholly
_MARGIN = 8  # pixels from the image's edge
_COLUMNS = ("object", "points", "off plane mm", "corners mm", "worst mm", "in views px",
            "homographies px", "views", "missed", "false", "IoU", "worst IoU")  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("map", type=Path)
    parser.add_argument("world", type=Path)
    parser.add_argument("--traversal", default="mapping")
    parser.add_argument("--json", type=Path, help="also write the table to this file")
    given = parser.parse_args()
    semantic_map = load_map(given.map)
    before = f"{given.traversal}/"
    images = {
        one.name.removeprefix(before): one
        for one in world_object_images(given.world) if one.name.startswith(before)
    }  # fmt: skip
    shown = [_pixels(images[name]) for name in semantic_map.view_names]
    propagator = Propagator(semantic_map, AnnotationConfig())
    marked: list[tuple[Propagated, FloatArray]] = []
    for one in world_map_objects(given.world, given.traversal).objects:
        truth = one.instances[0].map_from_uv
        mark = _mark(semantic_map, one.name, truth, [counts.get(one.name, 0) for counts in shown])
        if mark is not None:
            image = images[semantic_map.view_names[mark.view]].read()
            marked.append((propagator.propagate(mark, image), truth))
    overlaps = _overlaps(semantic_map, [found for found, _ in marked], images)
    rows = [
        _row(semantic_map, found, truth, [row.get(found.mark.name, 0) for row in shown])
        + _iou_columns(overlaps[found.mark.name])
        for found, truth in marked
    ]
    values = np.array([row[3:6] for row in rows], np.float64)
    views = np.array([row[7:10] for row in rows], int).sum(axis=0)
    every = np.array([one for each in overlaps.values() for one in each])
    report(
        "Objects marked once", _COLUMNS, rows, given.json, 140,
        corners_mm=f"median {np.median(values[:, 0]):.2f}, worst {values[:, 1].max():.2f}",
        corners_px=f"median {np.median(values[:, 2]):.2f}, worst {values[:, 2].max():.2f}",
        views=f"{views[0]} show an object, {views[1]} of these missed, {views[2]} false",
        **{
            name: f"median {np.median(part):.3f}, a tenth below {np.quantile(part, 0.1):.3f}, "
            f"worst {part.min():.3f}, of {len(part)} views"
            for name, part in zip(("iou", "covered"), every.T, strict=True)
        },
    )  # fmt: skip


def _overlaps(
    semantic_map: SemanticMap, found: list[Propagated], images: dict[str, ObjectImage]
) -> dict[str, list[tuple[float, float]]]:
    """IoU of each object's masks with the truth, and the share of the truth that they cover, in the
    views that show enough of it and in which it was found."""
    objects = MapObjects(tuple(
        ObjectOfInterest(one.mark.name, one.reference, one.mark.mask, (one.instance,))
        for one in found
    ))  # fmt: skip
    overlaps: dict[str, list[tuple[float, float]]] = {one.mark.name: [] for one in found}
    for view, name in enumerate(semantic_map.view_names):
        camera, pose = semantic_map.camera_of(view), semantic_map.camera_from_map[view]
        ours, truth = picture_objects(objects, view, camera, pose), images[name].read_objects()
        for number, one in enumerate(ours.names, 1):
            true = truth.numbers == 1 + (truth.names.index(one) if one in truth.names else -2)
            if true.sum() >= _SHOWN:
                mask = ours.numbers == number
                both = float((mask & true).sum())
                overlaps[one].append((both / float((mask | true).sum()), both / float(true.sum())))
    return overlaps


def _iou_columns(overlaps: list[tuple[float, float]]) -> list[str | int | float]:
    ious = [one for one, _ in overlaps]
    return [float(np.median(ious)), min(ious)] if ious else ["", ""]


def _row(
    semantic_map: SemanticMap, found: Propagated, truth: FloatArray, pixels: list[int]
) -> list[str | int | float]:
    """The columns of one object."""
    marked = _seen(semantic_map, found.mark.view, truth)
    uv = homographies.apply(homographies.inverse(found.mark.image_from_uv) @ marked, CORNERS)
    error = found.instance.points_map(uv) - ObjectInstance(truth).points_map(CORNERS)
    error_mm = 1e3 * np.linalg.norm(error, axis=1)
    views = {fit.sighting.view for fit in found.fits}
    showing = {view for view, count in enumerate(pixels) if count >= _SHOWN}
    return [
        found.mark.name, found.points, 1e3 * found.planarity_m, float(error_mm.mean()),
        float(error_mm.max()), float(np.median(_corner_errors(semantic_map, found, truth, uv))),
        float(np.median([fit.outline_px for fit in found.fits])), len(showing),
        len(showing - views), sum(pixels[view] == 0 for view in views),
    ]  # fmt: skip


def _pixels(image: ObjectImage) -> dict[str, int]:
    truth = image.read_objects()
    counts = np.bincount(truth.numbers.ravel(), minlength=len(truth.names) + 1)
    return dict(zip(truth.names, counts[1:].tolist(), strict=True))


def _seen(semantic_map: SemanticMap, view: int, map_from_uv: FloatArray) -> FloatArray:
    camera, pose = semantic_map.camera_of(view), semantic_map.camera_from_map[view]
    return planes.image_from_plane(map_from_uv, camera, pose)


def _mark(
    semantic_map: SemanticMap, name: str, map_from_uv: FloatArray, pixels: list[int]
) -> Mark | None:
    """The true mark in the view that shows most of the object, and all of it."""
    best: tuple[int, int, FloatArray] | None = None
    for view, count in enumerate(pixels):
        corners = homographies.apply(_seen(semantic_map, view, map_from_uv), CORNERS)
        camera = semantic_map.camera_of(view)
        high = np.array([camera.width, camera.height]) - 1 - _MARGIN
        if not ((corners >= _MARGIN) & (corners <= high)).all():
            continue
        area = cv2.contourArea(corners.astype(np.float32))
        if count > _WHOLE * area and (best is None or count > best[0]):
            best = (count, view, corners)
    if best is None:
        return None
    low, high = np.rint(best[2].min(axis=0)).astype(int), np.rint(best[2].max(axis=0)).astype(int)
    mask = np.zeros((high - low + 1)[::-1], np.uint8)
    cv2.fillPoly(mask, [np.rint((best[2] - low) * 16).astype(np.int32)], 255, shift=4)
    return Mark(name, name, best[1], (int(low[0]), int(low[1])), mask)


def _corner_errors(
    semantic_map: SemanticMap, found: Propagated, truth: FloatArray, uv: FloatArray
) -> list[float]:
    """By sighting, the median error of the corners, pixels."""
    errors = []
    for sighting in found.instance.sightings:
        there = homographies.apply(_seen(semantic_map, sighting.view, truth), CORNERS)
        here = homographies.apply(sighting.image_from_uv, uv)
        errors.append(float(np.median(np.linalg.norm(here - there, axis=1))))
    return errors


if __name__ == "__main__":
    main()
