"""From marks to the objects of a map: marks of one name become one object.

Its main reference is that of the mark with most points of the map; the homographies between the
references, from matches of RootSIFT features, say in its (u, v) where the others are (Weinzaepfel
et al., CVPR 2019, section 3.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import DatasetError, expected
from semloc_ros.geometry import homographies
from semloc_ros.learning.object_annotation import Propagated
from semloc_ros.maps.objects import MapObjects, ObjectInstance, ObjectOfInterest
from semloc_ros.perception.features import RootSift
from semloc_ros.types import Features, FloatArray

_RATIO = 0.85  # of the best to the second-best distance
_MAX_ERROR_PX = 3.0  # of the reference
_LEAST_INLIERS = 12  # between two references


def merge_marks(found: Sequence[Propagated]) -> MapObjects:
    """Objects in the order of their first marks. DatasetError, in one line, where two references
    of one name do not show the same."""
    groups: dict[str, list[Propagated]] = {}
    for one in found:
        groups.setdefault(one.mark.name, []).append(one)
    return MapObjects(tuple(_merged(name, group) for name, group in groups.items()))


def reference_features(
    reference: NDArray[np.uint8], mask: NDArray[np.uint8], extractor: RootSift
) -> tuple[Features, FloatArray]:
    """The features within the mask of a reference image, and their (u, v) (N, 2)."""
    features = extractor.extract(reference)
    height, width = mask.shape
    keypoints = features.keypoints.astype(np.float64)
    columns, rows = np.rint(keypoints).astype(int).T.reshape(2, -1)
    kept = mask[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)] >= 128
    features = replace(
        features, keypoints=features.keypoints[kept], scales=features.scales[kept],
        descriptors=features.descriptors[kept],
    )  # fmt: skip
    return features, (keypoints[kept] + 0.5) / (width, height)


def match_descriptors(
    a: NDArray[np.generic], b: NDArray[np.generic], ratio: float = _RATIO
) -> NDArray[np.int64]:
    """Rows (M, 2) of descriptors (N, D) that are each other's nearest and stand out (Lowe, IJCV
    2004, section 7.1)."""
    if len(a) < 1 or len(b) < 2:
        return np.empty((0, 2), np.int64)
    one, other = (rows.astype(np.float32) for rows in (a, b))
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    nearest = squares.argmin(axis=1)
    rows = np.arange(len(one))
    two = np.partition(squares, 1, axis=1)[:, :2]
    good = (two[:, 0] < ratio**2 * two[:, 1]) & (squares.argmin(axis=0)[nearest] == rows)
    return np.stack([rows[good], nearest[good]], axis=1).astype(np.int64)


def _merged(name: str, group: Sequence[Propagated]) -> ObjectOfInterest:
    main = max(group, key=lambda one: one.points)
    instances = tuple(
        one.instance if one is main else _in_main(one, _other_from_main(main, one)) for one in group
    )
    words = {
        word: next((text for one in (main, *group) if (text := getattr(one.mark, word))), "")
        for word in ("title", "text", "url")
    }
    return ObjectOfInterest(name, main.reference, main.mark.mask, instances, **words)


def _other_from_main(main: Propagated, other: Propagated) -> FloatArray:
    """(3, 3) from (u, v) of the main reference to those of another one."""
    extractor = RootSift()
    a, uv_a = reference_features(main.reference, main.mark.mask, extractor)
    b, uv_b = reference_features(other.reference, other.mark.mask, extractor)
    rows = match_descriptors(a.descriptors, b.descriptors)
    height, width = other.mark.mask.shape
    places, pixels = uv_a[rows[:, 0]], uv_b[rows[:, 1]] * (width, height)
    fitted = homographies.fit_robustly(places, pixels, np.ones(len(rows)), _MAX_ERROR_PX)
    if fitted is None or fitted[1].sum() < _LEAST_INLIERS:
        wanted = f"the picture that {main.mark.entry} shows, as its class says"
        got = f"{0 if fitted is None else fitted[1].sum()} matches that agree"
        raise DatasetError(expected(f"object {other.mark.entry}", wanted, got))
    return np.asarray(np.diag([1 / width, 1 / height, 1.0]) @ fitted[0])


def _in_main(one: Propagated, other_from_main: FloatArray) -> ObjectInstance:
    """An instance in (u, v) of the main reference."""
    sightings = tuple(
        replace(sighting, image_from_uv=sighting.image_from_uv @ other_from_main)
        for sighting in one.instance.sightings
    )
    return ObjectInstance(one.instance.map_from_uv @ other_from_main, sightings)
