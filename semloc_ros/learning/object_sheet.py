"""A contact sheet of a map's objects: where its images show them, to be checked by eye."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets.map_objects import picture_objects
from semloc_ros.maps.objects import MapObjects, ObjectOfInterest, Sighting
from semloc_ros.maps.semantic_map import SemanticMap

Image = NDArray[np.uint8]
_CELL = (150, 200)  # height and width of a picture on the sheet
_MOST_SIGHTINGS = 6  # of an object
_ROOM = 1.25  # of a crop, times the object's own size
_GREEN = np.array([0, 255, 0], np.float32)
_GAP = 4


def draw_object_sheet(
    semantic_map: SemanticMap, objects: MapObjects, readers: Mapping[str, Callable[[], Image]],
    path: Path,
) -> None:  # fmt: skip
    """Write the sheet to `path` (.png, .svg or .pdf).

    A row for each instance: its reference image, without what its mask leaves out; then views that
    saw it, with the mask in green, and below each what it saw, warped to the reference. All of
    them must show the same: what differs was not well found, or was hidden.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = []
    for one in objects.objects:
        for number, instance in enumerate(one.instances):
            chosen = _spread(instance.sightings)
            strip = _strip(semantic_map, objects, one, chosen, readers)
            which = f" ({number + 1} of {len(one.instances)})" if len(one.instances) > 1 else ""
            views = ", ".join(str(sighting.view) for sighting in chosen) or "none"
            title = f"{one.name}{which}: {one.title}   in {len(instance.sightings)} views: {views}"
            rows.append((title, strip))
    width, height = rows[0][1].shape[1] / 100, rows[0][1].shape[0] / 100 + 0.3
    figure = Figure(figsize=(width, height * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    for axes, (title, strip) in zip(grid, rows, strict=True):
        axes.set_axis_off()
        axes.imshow(strip)
        axes.set_title(title, fontsize=8, loc="left", parse_math=False)
    figure.savefig(path, dpi=110)


def _spread(sightings: Sequence[Sighting]) -> list[Sighting]:
    """A few, from first to last."""
    at = np.linspace(0, len(sightings) - 1, min(len(sightings), _MOST_SIGHTINGS))
    return [sightings[row] for row in np.unique(np.rint(at).astype(int))]


def _strip(
    semantic_map: SemanticMap, objects: MapObjects, one: ObjectOfInterest,
    chosen: Sequence[Sighting], readers: Mapping[str, Callable[[], Image]],
) -> Image:  # fmt: skip
    """The row of an instance, always as wide."""
    shown = np.where(one.mask[..., None] >= 128, one.reference, one.reference // 4)
    empty = np.full((*_CELL, 3), 255, np.uint8)
    columns = [np.concatenate([_fitted(shown.astype(np.uint8)), empty])]
    for sighting in chosen:
        image = readers[semantic_map.view_names[sighting.view]]()
        colored = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
        only = MapObjects(tuple(row for row in objects.objects if row is one))
        camera = semantic_map.camera_of(sighting.view)
        pose = semantic_map.camera_from_map[sighting.view]
        truth = picture_objects(only, sighting.view, camera, pose)
        columns.append(np.concatenate([
            _fitted(_marked(colored, truth.numbers)),
            _fitted(_warped(colored, truth.numbers, truth.uv, one.reference.shape[:2])),
        ]))  # fmt: skip
    blank = np.full_like(columns[0], 255)
    columns += [blank] * (1 + _MOST_SIGHTINGS - len(columns))
    return np.concatenate(columns, axis=1)


def _marked(image: Image, numbers: NDArray[np.uint16]) -> Image:
    """The part of an image around what is marked, that in green."""
    rows, columns = np.nonzero(numbers)
    if not len(rows):
        return image
    height, width = numbers.shape
    middle = np.array([rows.min() + rows.max(), columns.min() + columns.max()]) / 2
    tall = _ROOM / 2 * max(np.ptp(rows) + 8, (np.ptp(columns) + 8) * _CELL[0] / _CELL[1])
    reach = tall * np.array([1, _CELL[1] / _CELL[0]])
    low = np.maximum(middle - reach, 0).astype(int)
    high = np.minimum(middle + reach, (height, width)).astype(int)
    part = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    inside = numbers > 0
    kernel = np.ones((3, 3), np.uint8)
    edge = cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_GRADIENT, kernel) > 0
    share = np.where(edge, 1.0, np.where(inside, 0.25, 0.0))[..., None]
    tinted = image * (1 - share) + share * _GREEN
    return np.asarray(tinted[part], np.uint8)


def _warped(
    image: Image, numbers: NDArray[np.uint16], uv: NDArray[np.float32], size: tuple[int, int]
) -> Image:
    """What an image shows of an object, where the reference image of `size` has it; black where it
    shows nothing. Each pixel of a small picture takes the colours that fall on it."""
    factor = min(_CELL[0] / size[0], _CELL[1] / size[1])
    height, width = (max(1, round(side * factor)) for side in size)
    inside = numbers > 0
    at = np.minimum((uv[inside] * (width, height)).astype(int), (width - 1, height - 1))
    cells = at[:, 1] * width + at[:, 0]
    counts = np.bincount(cells, minlength=height * width)
    sums = [np.bincount(cells, image[inside][:, k], height * width) for k in range(3)]
    mean = np.stack(sums, axis=1) / np.maximum(counts, 1)[:, None]
    picture = mean.reshape(height, width, 3).astype(np.uint8)
    holes = (counts == 0).reshape(height, width)
    filled = cv2.dilate(picture, np.ones((3, 3), np.uint8))  # small sightings leave gaps
    return np.asarray(np.where(holes[..., None], filled, picture))


def _fitted(image: Image) -> Image:
    """An image on a white cell, as large as fits."""
    factor = min(_CELL[0] - _GAP, (_CELL[1] - _GAP) * image.shape[0] / image.shape[1])
    height = max(1, int(factor))
    width = min(max(1, round(height * image.shape[1] / image.shape[0])), _CELL[1] - _GAP)
    how = cv2.INTER_AREA if height < image.shape[0] else cv2.INTER_LINEAR
    cell = np.full((*_CELL, 3), 255, np.uint8)
    cell[:height, :width] = cv2.resize(image, (width, height), interpolation=how)
    return cell
