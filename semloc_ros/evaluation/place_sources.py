"""Places for the images of a bag: what models find in the map, or hypotheses made from the truth.

A source is one model of places or two with a comma between, or a model of poses (names in models/
or files, see `perception.place_finding`), or `oracle`, which shows what places could give at best:
among random views of the map, at a random rank, the one nearest to a place some metres from truth.
`oracle=0.6` has it for this share of the images; `oracle=0` for none, so that all are wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from semloc_ros.config import EvaluateConfig
from semloc_ros.errors import DatasetError, SemlocError, expected
from semloc_ros.evaluation.association import poses_at
from semloc_ros.evaluation.predictions import Truth
from semloc_ros.evaluation.stream import IMAGE, LABELS, MASK, ODOMETRY, PLACES, Event
from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray, Places

if TYPE_CHECKING:
    from semloc_ros.perception.place_finding import PlaceFinder

Mount = Callable[[str], FloatArray]
_ORACLE = re.compile(r"oracle(?:=([01]|0?\.\d+|1\.0*))?")
_NEAR_M = 5.0  # largest distance, along each axis, of the oracle's place from the truth
_FAR_M = 25.0  # least distance of its wrong views, if the map is so large
_TURN_DEG = 30.0  # a view turned further from the truth is none of its place
_KEPT = 10  # images that may still get their label maps


class PlaceSource(Protocol):
    """What `find_places` finds."""

    def beside(self, events: Iterable[Event], mount: Mount) -> Iterator[Event]:
        """The events, and with each image its places; `mount(frame)` as for `Replay`."""
        ...


def find_places(source: str, has_labels: bool, truth: Truth, config: EvaluateConfig) -> PlaceSource:
    """The places of a source for the map of the configuration.

    Raises DatasetError, in one line, for a model that reads labels where there are none; the
    errors of `place_finding.open_finder`.
    """
    found = _ORACLE.fullmatch(source)
    if found is not None:
        return _oracle(float(found.group(1) or 1.0), truth, config)
    from semloc_ros.perception.place_finding import open_finder

    options = replace(config.retriever, models=source)
    finder = open_finder(Path(config.map).expanduser(), options)
    if "labels" in finder.needs and not has_labels:
        wanted = "label maps, which it reads (--labels)"
        raise DatasetError(expected(f"--places {source}", wanted, "none"))
    return FoundPlaces(finder)


@dataclass(slots=True)
class FoundPlaces:
    """Places that models find, as fast as images come: what it takes is not waited for. They see
    what the robot sees: images after faults, its odometry, and label maps when they come."""

    finder: PlaceFinder
    _seen: dict[str, dict[int, Any]] = field(
        default_factory=lambda: {IMAGE: {}, LABELS: {}, MASK: {}}
    )
    _odometry: FloatArray | None = None

    def beside(self, events: Iterable[Event], mount: Mount) -> Iterator[Event]:
        """The events, and before each image its places; where these need its label map and that
        comes later, before the label map."""
        for event in events:
            self._keep(event)
            needed = [IMAGE, LABELS] if "labels" in self.finder.needs else [IMAGE]
            if event.kind in needed and all(event.stamp_ns in self._seen[one] for one in needed):
                yield replace(event, kind=PLACES, value=self._places(event.stamp_ns, mount))
            yield event

    def _keep(self, event: Event) -> None:
        if isinstance(event.value, SemlocError):
            return
        if event.kind == ODOMETRY:
            finite = bool(np.isfinite(event.value).all())
            self._odometry = event.value if finite else None
        elif event.kind in self._seen:
            kept = self._seen[event.kind]
            kept[event.stamp_ns] = event if event.kind == IMAGE else event.value
            while len(kept) > _KEPT:
                del kept[next(iter(kept))]

    def _places(self, stamp_ns: int, mount: Mount) -> Places | SemlocError:
        image: Event = self._seen[IMAGE][stamp_ns]
        labels, mask = (self._seen[kind].get(stamp_ns) for kind in (LABELS, MASK))
        odom_from_camera = None
        try:
            if self._odometry is not None:
                odom_from_camera = self._odometry @ mount(image.frame)
            return self.finder.retrieve(stamp_ns, image.value, labels, mask, odom_from_camera)
        except SemlocError as error:
            return error


@dataclass(frozen=True, slots=True)
class OraclePlaces:
    """See the top of the file; `map_from_view` (V, 4, 4) are the views of the map."""

    share: float
    truth: Truth
    map_from_view: FloatArray
    config: EvaluateConfig

    def beside(self, events: Iterable[Event], mount: Mount) -> Iterator[Event]:
        """The events, and before each image its places, if its truth is known."""
        gap_ns = round(self.config.evaluation.max_truth_gap_s * 1e9)
        for event in events:
            if event.kind == IMAGE:
                wanted = np.array([event.origin_ns])
                pose = poses_at(wanted, self.truth.stamps_ns, self.truth.map_from_base, gap_ns)[0]
                if np.isfinite(pose).all():
                    places = self._places(event, pose @ mount(event.frame))
                    yield replace(event, kind=PLACES, value=places)
            yield event

    def _places(self, event: Event, map_from_camera: FloatArray) -> Places:
        rng = np.random.default_rng([self.config.seed, event.origin_ns])
        away_m, turn = se3.pose_error(self.map_from_view, map_from_camera)
        far = np.flatnonzero(away_m > min(_FAR_M, float(np.median(away_m))))
        views = rng.choice(far, min(self.config.retriever.count, len(far)), replace=False)
        if rng.random() < self.share and len(views):
            place = map_from_camera[:3, 3] + [*rng.uniform(-_NEAR_M, _NEAR_M, 2), 0.0]
            off: FloatArray = np.linalg.norm(self.map_from_view[:, :3, 3] - place, axis=1)
            off += np.where(turn > np.radians(_TURN_DEG), np.inf, 0.0)
            views[rng.integers(len(views))] = off.argmin()
        scores = np.linspace(1.0, 0.5, len(views))
        return Places(event.stamp_ns, self.map_from_view[views], scores, views.astype(np.int64))


def _oracle(share: float, truth: Truth, config: EvaluateConfig) -> OraclePlaces:
    from semloc_ros.maps.storage import load_map

    semantic_map = load_map(Path(config.map).expanduser(), verify=False)
    map_from_view = se3.inverse(np.asarray(semantic_map.camera_from_map))
    return OraclePlaces(share, truth, map_from_view, config)
