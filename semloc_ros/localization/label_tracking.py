"""The particle filter as a part of a robot's session: started where it is needed, fed by frames.

While features give fixes, nobody needs it. It starts from the belief when they fail, or where
nothing is believed yet from anywhere in the map, and more so from places that look like the image,
and follows odometry and label maps from then on (Stenborg et al., ICRA 2018; Larsson et al., 2019,
section 4: PFSL).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semloc_ros.config import FilterConfig, PlacesConfig
from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import error_vector
from semloc_ros.localization.fix_update import Fix
from semloc_ros.localization.label_images import label_image
from semloc_ros.localization.label_update import LabelView
from semloc_ros.localization.match_filters import usable_labels
from semloc_ros.localization.particle_filter import Hypotheses, Labels, ParticleFilter, Step
from semloc_ros.localization.particles import Particles
from semloc_ros.localization.places import fixes_of_places, weights_of_places
from semloc_ros.localization.semantics import Semantics
from semloc_ros.types import FloatArray, Frame, Odometry, Places

_HEADINGS = 8  # from which a place of the map is tried
_THINNED_M = 1.0  # places nearer to each other than that are one
_RIVALS_SHARE = 0.1  # of the particles, for a fix that was refused


@dataclass(frozen=True, slots=True)
class Tracked:
    """What the particles say at a stamp.

    `map_from_base` (4, 4) is the mean of the heaviest cluster, `share` its part of the weight,
    `covariance` (6, 6) that of all particles about this mean; `fit` (0 to 1) tells how well the
    frame's label map agrees, see `label_fit`, None if it has none or too few; `hypotheses`
    are the means of all clusters, heaviest first. `updates` counts the label maps that were
    evidence since the start, `is_new` says that this frame's was: to a robot that stands the
    second one is none. `from_anywhere`: it started without knowing where.
    """

    map_from_base: FloatArray
    covariance: FloatArray
    share: float
    fit: float | None
    hypotheses: tuple[FloatArray, ...]
    particles: Particles
    updates: int
    is_new: bool
    from_anywhere: bool


class LabelTracker:
    """One particle filter and what it needs of the map; `view_centres` (V, 3) are the places from
    which the map was seen. Not thread-safe."""

    def __init__(
        self, semantics: Semantics, view_centres: FloatArray, config: FilterConfig, seed: int,
        places: PlacesConfig | None = None,
    ) -> None:
        self._semantics, self._centres, self._config = semantics, view_centres, config
        self._places = places or PlacesConfig()
        self._filter = ParticleFilter(semantics.points, semantics.table, config, seed)
        self._rng = np.random.default_rng(seed)
        self._updates = 0
        self._running = self._from_anywhere = False

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped since."""
        return self._running

    @property
    def draws_rivals(self) -> bool:
        """Whether any particles are drawn from places later than at the start."""
        return self._places.rivals > 0

    def stop(self) -> None:
        """Forget the particles."""
        self._running = False

    def start(
        self, stamp_ns: int, odometry: Odometry | None, hypotheses: Sequence[Fix]
    ) -> None:
        """Begin from poses, each with the same share of the particles."""
        self._filter.start(stamp_ns, odometry, hypotheses)
        self._running, self._from_anywhere, self._updates = True, False, 0

    def start_anywhere(
        self, stamp_ns: int, odometry: Odometry | None, base_from_camera: FloatArray,
        places: Places | None = None,
    ) -> None:
        """Begin from every place from which the map was seen, in any heading; the base upright.
        Of `places` that look like the image `places.share` of the particles begin.

        In no order: where there are more poses than particles, none of the headings is left out.
        """
        fixes = [
            Fix(pose, _wide(_THINNED_M))
            for centre in thinned(self._centres, _THINNED_M)
            for pose in _upright(centre, base_from_camera)
        ]
        fixes = [fixes[row] for row in self._rng.permutation(len(fixes))]
        weights: list[float] = []
        if places is not None and self._places.share > 0.0:
            share = self._places.share
            weights = [(1.0 - share) / len(fixes)] * len(fixes)
            weights += (share * weights_of_places(places.scores)).tolist()
            fixes += fixes_of_places(places, base_from_camera, self._places)
        count = self._config.particles.anywhere
        self._filter.start(stamp_ns, odometry, fixes, count, weights)
        self._running, self._from_anywhere, self._updates = True, True, 0

    def update(
        self, frame: Frame, base_from_camera: FloatArray, odometry: Odometry | None,
        fix: Fix | None = None, rivals: Sequence[Fix] = (), places: Places | None = None,
    ) -> Tracked | None:
        """Move with the odometry, weigh by the frame's labels, then by a fix; None if not started,
        or for a frame that is too old.

        `rivals` are fixes that were not believed, `places` where else it may be: they get a share,
        and the evidence decides.
        """
        if not self._running:
            return None
        if rivals:
            injected = Hypotheses(tuple(rivals), _RIVALS_SHARE)
            self._filter.add(Step(frame.stamp_ns, odometry, injected))
        if places is not None and self.draws_rivals:
            injected = self._rivals(places, base_from_camera)
            self._filter.add(Step(frame.stamp_ns, odometry, injected))
        labels, before = self._labels(frame, base_from_camera), self._filter.state
        state = self._filter.add(Step(frame.stamp_ns, odometry, labels))
        if state is None or before is None:
            return None
        counts = state.weighed_at is None or state.weighed_at is not before.weighed_at
        is_new = labels is not None and counts
        self._updates += is_new
        if fix is not None:
            state = self._filter.add(Step(frame.stamp_ns, odometry, fix)) or state
        return self._tracked(state.particles, None if labels is None else state.fit, is_new)

    def _rivals(self, places: Places, base_from_camera: FloatArray) -> Hypotheses:
        config = self._places
        fixes = fixes_of_places(places, base_from_camera, config)
        weights = weights_of_places(places.scores).tolist()
        return Hypotheses(tuple(fixes), config.rivals_share, tuple(weights), config.rivals)

    def _labels(self, frame: Frame, base_from_camera: FloatArray) -> Labels | None:
        """Labels never gate tracking: those that do not fit the camera or the map are none, and
        the localizer's detail says so."""
        usable, _ = usable_labels(frame, self._semantics)
        if usable is None or frame.labels is None:
            return None
        image = label_image(frame.camera, frame.labels, self._semantics.stationary)
        return Labels((LabelView(image, base_from_camera),))

    def _tracked(self, particles: Particles, fit: float | None, is_new: bool) -> Tracked:
        found = self._filter.clusters()
        best = found[0]
        errors = error_vector(best.mean, particles.poses)
        covariance = errors.T * particles.weights @ errors
        means = tuple(one.mean for one in found)
        return Tracked(
            best.mean, covariance, best.share, fit, means, particles, self._updates, is_new,
            self._from_anywhere,
        )


def thinned(centres: FloatArray, least_m: float) -> FloatArray:
    """One of the places (N, 3) in each cell of that width."""
    _, first = np.unique(np.floor(centres / least_m), axis=0, return_index=True)
    return np.asarray(centres[np.sort(first)])


def _upright(centre: FloatArray, base_from_camera: FloatArray) -> list[FloatArray]:
    """Poses of an upright base (4, 4) whose camera stands at `centre` (3,)."""
    angles = np.linspace(0.0, 2.0 * np.pi, _HEADINGS, endpoint=False)
    turns = [se3.exp(np.r_[np.zeros(5), angle])[:3, :3] for angle in angles]
    return [se3.make_pose(turn, centre - turn @ base_from_camera[:3, 3]) for turn in turns]


def _wide(spread_m: float) -> FloatArray:
    """(6, 6) of a pose that is one of `_HEADINGS` at a place."""
    heading = np.pi / _HEADINGS
    sigmas = [spread_m, spread_m, 0.1, 0.02, 0.02, heading]
    return np.diag(np.square(sigmas))
