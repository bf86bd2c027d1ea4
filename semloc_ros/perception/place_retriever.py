"""From an image to hypotheses of where it was taken: the views of the map that look like it.

`semloc map places` describes the views; here an image is described by the same model, or by two,
and compared. Options, all of them off by default: two models (hybrid), re-ranking by agreement of
coarse labels, the images of the last metres by odometry, hypotheses that are apart.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import RetrieverConfig
from semloc_ros.errors import ConfigError, InputError, MapError, expected
from semloc_ros.geometry import se3
from semloc_ros.maps.place_files import PlaceDescriptors, load_places
from semloc_ros.maps.storage import load_map
from semloc_ros.perception.hybrids import load_hybrid
from semloc_ros.perception.places import Describer, load_describer
from semloc_ros.retrieval.reranking import grid_agreement, label_grid, label_weights, reranked
from semloc_ros.retrieval.searching import Found, open_search
from semloc_ros.retrieval.sequences import OdometrySequence
from semloc_ros.types import FloatArray, LabelMap, Places

_MOST_MODELS = 2
_CLOCK_BACK_NS = 1_000_000_000  # images may come in a little disorder


class PlaceRetriever:
    """Places of images in one map. Not thread-safe: sequences remember the images before.

    `needs` has "image", "labels" or both. `stage_ms` tells what the last image took:
    describe, search, and rank (re-ranking, sequence and choice).
    """

    def __init__(
        self, map_from_view: FloatArray, described: Sequence[tuple[Describer, PlaceDescriptors]],
        config: RetrieverConfig,
    ) -> None:
        """`map_from_view` (V, 4, 4) of all views; each model with what it described of them."""
        self._map_from_view, self._config = map_from_view, config
        self._describers = [describer for describer, _ in described]
        places = _of_same_views([one for _, one in described])
        self._views = np.asarray(places[0].views)
        self._search = open_search([one.descriptors for one in places], config)
        self._grids = _Grids.find(places, config) if config.rerank_weight > 0 else None
        self._sequence = _sequence(map_from_view, config)
        self._last_ns: int | None = None
        self.needs = {describer.needs for describer in self._describers}
        if self._grids is not None:
            self.needs.add("labels")
        self.stage_ms: dict[str, float] = {}

    @staticmethod
    def open(map_folder: Path, config: RetrieverConfig) -> PlaceRetriever:
        """The retriever of a map and the models of `config.models`; of a hybrid also the weight.

        Raises ConfigError for no model or more than two, ModelError for a model that is not there
        or damaged, MapError for a map that is, or that was not described by the models.
        """
        names = [one.strip() for one in config.models.split(",") if one.strip()]
        if not 1 <= len(names) <= _MOST_MODELS:
            raise ConfigError(expected("models", "one or two models of places", f"{len(names)}"))
        semantic_map = load_map(map_folder)
        hybrid = load_hybrid(names[0]) if len(names) == 1 else None
        if hybrid is not None:
            names, config = [hybrid.semantic, hybrid.rgb], replace(config, weight=hybrid.weight)
        describers = [load_describer(name, config.describer) for name in names]
        if hybrid is not None:
            hybrid.check(describers[0].sha256, describers[1].sha256)
        described = [
            (one, load_places(map_folder, one.name, one.sha256)) for one in describers
        ]
        return PlaceRetriever(se3.inverse(semantic_map.camera_from_map), described, config)

    def retrieve(
        self,
        stamp_ns: int,
        image: NDArray[np.uint8] | None,
        labels: LabelMap | None = None,
        mask: NDArray[np.uint8] | None = None,
        odom_from_camera: FloatArray | None = None,
    ) -> Places:
        """The places of an image, best first, at the poses of the views that look like it.

        `image` (H, W, 3) RGB or (H, W), `labels` (H, W), see `needs`; `mask` (H, W), 255 =
        dynamic; `odom_from_camera` (4, 4) when it was taken, without which each image stands for
        itself. Scores are z-scores of the cosine among all views (`retrieval.searching`). Raises
        InputError for what is missing or of another form; only re-ranking does without labels.
        """
        start = time.perf_counter()
        queries = [one.queries(image, labels, mask) for one in self._describers]
        described = time.perf_counter()
        rows, scores = self._search.search(queries, self._config.candidates)
        searched = time.perf_counter()
        if self._grids is not None and labels is not None:
            rows, scores = self._grids.rerank(labels, rows, scores)
        views, scores = self._in_sequence(stamp_ns, odom_from_camera, self._views[rows], scores)
        chosen = self._apart(views)
        ends = (start, described, searched, time.perf_counter())
        took = 1e3 * np.diff(ends)
        self.stage_ms = dict(zip(("describe", "search", "rank"), took.tolist(), strict=True))
        views = views[chosen]
        return Places(stamp_ns, self._map_from_view[views], scores[chosen], views)

    def _in_sequence(
        self, stamp_ns: int, odom_from_camera: FloatArray | None, views: NDArray[np.int64],
        scores: FloatArray,
    ) -> Found:
        if self._sequence is None:
            return views, scores
        back = self._last_ns is not None and stamp_ns < self._last_ns - _CLOCK_BACK_NS
        self._last_ns = stamp_ns
        if back or odom_from_camera is None:
            self._sequence.reset()
        if odom_from_camera is None:
            return views, scores
        return self._sequence.add(odom_from_camera, views, scores)

    def _apart(self, views: NDArray[np.int64]) -> list[int]:
        """Numbers of up to `count` of the views, best first, that are apart from better ones."""
        most, least_m = self._config.count, self._config.apart_m
        if least_m <= 0:
            return list(range(min(most, len(views))))
        chosen: list[int] = []
        angle = np.radians(self._config.apart_deg)
        for number, pose in enumerate(self._map_from_view[views]):
            away, turn = se3.pose_error(self._map_from_view[views[chosen]], pose)
            if not ((away < least_m) & (turn < angle)).any():
                chosen.append(number)
            if len(chosen) == most:
                break
        return chosen


class _Grids:
    """Coarse labels of the described views, row by row, by which they are ranked again."""

    def __init__(
        self, grids: LabelMap, counted: NDArray[np.bool_], config: RetrieverConfig
    ) -> None:
        self._grids, self._counted, self._config = grids, np.asarray(counted), config
        self._weights = label_weights(grids, len(counted))

    @staticmethod
    def find(places: Sequence[PlaceDescriptors], config: RetrieverConfig) -> _Grids:
        """Those of the first model that has some; MapError if none has."""
        for one in places:
            if one.grids is not None and one.counted is not None:
                return _Grids(one.grids, one.counted, config)
        wanted = "places with label grids, for re-ranking (semloc map places --labels)"
        raise MapError(expected("map", wanted, "none"))

    def rerank(self, labels: LabelMap, rows: NDArray[np.int64], scores: FloatArray) -> Found:
        """The rows and their new scores, best first, for an image's label map (H, W).

        InputError for labels of another kind of number: they are of another set.
        """
        if labels.dtype != self._grids.dtype:
            wanted = f"{self._grids.dtype}, as of the map's {len(self._counted)} labels"
            raise InputError(expected("labels", wanted, labels.dtype))
        shape = (int(self._grids.shape[1]), int(self._grids.shape[2]))
        own = label_grid(labels, len(self._counted), ~self._counted, shape)
        agreement = grid_agreement(
            own, self._grids[rows], self._weights, self._config.rerank_shift
        )
        again = reranked(scores, agreement, self._config.rerank_weight)
        order = np.argsort(-again, kind="stable")
        return rows[order], again[order]


def _of_same_views(places: Sequence[PlaceDescriptors]) -> list[PlaceDescriptors]:
    """The same, with rows in the order of views, where they are of more than one model."""
    if len(places) == 1:
        return list(places)
    orders = [np.argsort(one.views, kind="stable") for one in places]
    views = [one.views[order] for one, order in zip(places, orders, strict=True)]
    if not np.array_equal(views[0], views[1]):
        wanted = f"as many as of {places[0].model}, and the same"
        got = f"{len(views[1])} instead of {len(views[0])}"
        raise MapError(expected(f"views of {places[1].model}", wanted, got))
    return [_ordered(one, order) for one, order in zip(places, orders, strict=True)]


def _ordered(places: PlaceDescriptors, order: NDArray[np.int64]) -> PlaceDescriptors:
    if np.array_equal(order, np.arange(len(order))):
        return places  # memory-mapped as it is
    grids = None if places.grids is None else places.grids[order]
    return PlaceDescriptors(
        places.model, places.sha256, places.descriptors[order], places.views[order], grids,
        places.counted,
    )


def _sequence(map_from_view: FloatArray, config: RetrieverConfig) -> OdometrySequence | None:
    options = config.sequence
    if options.length_m <= 0:
        return None
    return OdometrySequence(
        map_from_view, options.length_m, options.step_m, options.near_m,
        np.radians(options.near_deg),
    )
