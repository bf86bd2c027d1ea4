"""Cluster labels on the real sequence: does a place keep its label, and what does that tell?

A map point gets its label from some mapping images; then the pixel where it was observed in other
images is looked up. The number of clusters is to be chosen by the mapping images alone (labels
from their first half, looked up in the second); the query images are looked up afterwards.

`agree` is the share of pixels with the label of their point, `chance` that of points and pixels
paired anew. `nats` is what a point tells the filter against chance: the mean log ratio of a
confusion table, counted in images that are used for nothing else; `lost at N px` is how much less
it tells if the pixel lies N px beside, to the four sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from redkitchen import BUILDER, LAST, LOCALIZER, MAPPING
from reporting import arguments, built, progress, report

from semloc_ros.config import LabelsConfig
from semloc_ros.datasets.seven_scenes import read_seven_scenes
from semloc_ros.localization.label_statistics import learned_table
from semloc_ros.localization.localizer import Localizer
from semloc_ros.maps import labelling
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.perception import cluster_labels
from semloc_ros.types import FloatArray, Frame, LabelMap, PosedImage, PoseEstimate

COUNTS = (20, 50, 100, 200)
BESIDE = (8, 16, 32)
STEP = 6  # of the images of a part, one is used: neighbours look alike
COLUMNS = (
    "looked up in", "labels", "pairs", "agree %", "chance %", "nats",
    *(f"lost at {pixels} px" for pixels in BESIDE),
)


@dataclass(frozen=True)
class Sighting:
    """Pixels (N, 2) of an image at which points (N,) of the map were observed."""

    image: PosedImage
    pixels: FloatArray
    points: NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """What is used for what: images to learn clusters, the rest as observed points."""

    name: str
    learned: Sequence[PosedImage]
    voting: Sequence[Sighting]
    counted: Sequence[Sighting]
    tested: Sequence[Sighting]


def main() -> None:
    """Build or load the map, fit, look up, print."""
    options = arguments(__doc__ or "", "redkitchen").parse_args()
    mapping = read_seven_scenes(options.data, stop=MAPPING)
    queries = read_seven_scenes(options.data, start=MAPPING, stop=LAST)
    semantic_map = built(mapping, BUILDER, options.work / "redkitchen")
    observed = [_observed(semantic_map, view, image) for view, image in enumerate(mapping)]
    half = MAPPING // 2
    second = observed[half::STEP]
    sets = [
        Parts("second half of the mapping images", mapping[:half:5], observed[: half : STEP // 2],
              second[::2], second[1::2]),
        Parts("query images", mapping[::10], observed[::STEP], observed[STEP // 2 :: 2 * STEP],
              _localized(semantic_map, queries[:: 2 * STEP])),
    ]
    with progress() as bar:
        rows = [
            measured(parts, count, semantic_map.num_points)
            for parts in sets for count in bar.track(COUNTS, description=parts.name)
        ]
    report("redkitchen, labels by clustering", COLUMNS, rows, options.json)


def measured(parts: Parts, count: int, num_points: int) -> tuple[object, ...]:
    """One row of the table."""
    model = cluster_labels.fit([image.read() for image in parts.learned], count, seed=0)
    of_points = _voted(model, parts.voting, num_points)
    counts = np.zeros((count, count))
    for sighting in parts.counted:
        rows, columns = _pairs(of_points, sighting, model.label(sighting.image.read()))
        np.add.at(counts, (rows, columns), 1)
    table = learned_table(counts)[:, :-1].astype(np.float64)
    found: list[tuple[float, ...]] = []
    for sighting in parts.tested:
        found.append(_values(table, of_points, sighting, model.label(sighting.image.read())))
    total = np.array(found)
    pairs = int(total[:, 0].sum())
    agree, chance, nats, *lost = np.average(total[:, 1:], axis=0, weights=total[:, 0])
    return parts.name, count, pairs, 100 * float(agree), 100 * float(chance), float(nats), *lost


def _values(
    table: FloatArray, of_points: NDArray[np.int64], sighting: Sighting, labels: LabelMap
) -> tuple[float, ...]:
    """Number of pairs, agreement, chance, nats against chance, and those lost beside."""
    rows, columns = _pairs(of_points, sighting, labels)
    if not len(rows):
        return (0.0,) * (4 + len(BESIDE))
    by_chance = table[np.ix_(rows, columns)].mean()
    right = table[rows, columns].mean()
    lost = []
    for pixels in BESIDE:
        values = []
        for shift in ((pixels, 0), (-pixels, 0), (0, pixels), (0, -pixels)):
            values.append(table[_pairs(of_points, sighting, labels, shift)].mean())
        lost.append(right - np.mean(values))
    chance = (rows[:, None] == columns).mean()
    return (len(rows), (rows == columns).mean(), chance, right - by_chance, *lost)


def _pairs(
    of_points: NDArray[np.int64], sighting: Sighting, labels: LabelMap,
    shift: tuple[int, int] = (0, 0),
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Labels (N,) of points and of their pixels, where both are known."""
    rows = of_points[sighting.points]
    columns = labelling.labels_at(labels, sighting.pixels + shift)
    known = (rows != labelling.NO_LABEL) & (columns != labelling.NO_LABEL)
    return rows[known], columns[known]


def _voted(
    model: cluster_labels.ClusterLabels, voting: Sequence[Sighting], num_points: int
) -> NDArray[np.int64]:
    """The label (P,) of each point of which its images are sure."""
    histogram = np.zeros((num_points, model.count), np.uint16)
    for sighting in voting:
        found = labelling.labels_at(model.label(sighting.image.read()), sighting.pixels)
        np.add.at(histogram, (sighting.points, found), 1)
    sure = histogram.sum(1) >= LabelsConfig().least_votes
    sure &= labelling.entropy(histogram) <= LabelsConfig().max_entropy_bits
    return np.where(sure, labelling.mode(histogram), labelling.NO_LABEL)


def _observed(semantic_map: SemanticMap, view: int, image: PosedImage) -> Sighting:
    points = semantic_map.points_of(view).astype(np.int64)
    rows = points >= 0
    keypoints = semantic_map.features_of(view).keypoints[rows].astype(np.float64)
    return Sighting(image, keypoints, points[rows])


def _localized(semantic_map: SemanticMap, images: Sequence[PosedImage]) -> list[Sighting]:
    """The inliers of each image that is localized."""
    localizer, camera = Localizer(semantic_map, LOCALIZER), semantic_map.cameras[0]
    found = []
    for image in images:
        result = localizer.localize(Frame(image.stamp_ns, image.read(), camera))
        if isinstance(result, PoseEstimate):
            matches = result.inliers
            found.append(Sighting(image, matches.points_image, matches.point_ids))
    return found


if __name__ == "__main__":
    main()
