"""The semantic particle filter: poses moved by odometry, weighed by labels and fixes.

Stenborg, Toft and Hammarstrand, "Long-Term Visual Localization Using Semantically Segmented
Images", ICRA 2018; Larsson et al., 2019, section 4 (PFSL).

Evidence that comes late is applied at its own stamp: the states of the last seconds are kept with
what was applied since, the filter goes back to the state before the stamp and takes the steps
again. The random numbers of a step depend on the seed and its stamp only, so what comes late
leads to the very particles to which it had led in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import FilterConfig
from semloc_ros.geometry import se3
from semloc_ros.localization.fix_update import Fix, fused
from semloc_ros.localization.label_fit import label_fit
from semloc_ros.localization.label_kernels import pack_table
from semloc_ros.localization.label_points import LabelPoints
from semloc_ros.localization.label_update import LabelView, label_log_likelihoods
from semloc_ros.localization.odometry_noise import (
    blind_covariance,
    covariance_between,
    motion_covariance,
    moved,
    systematic_covariance,
)
from semloc_ros.localization.particles import (
    Cluster,
    Particles,
    bearable,
    clusters,
    drawn_anew,
    equal,
    gaussian,
    normalized,
    systematic,
)
from semloc_ros.types import FloatArray, Odometry

_NANOSECONDS = 1e9
_START = 9  # beside the kinds of evidence, for random numbers of its own


@dataclass(frozen=True, slots=True)
class Labels:
    """Evidence: label images taken at one stamp by one or more cameras."""

    views: tuple[LabelView, ...]


@dataclass(frozen=True, slots=True)
class Hypotheses:
    """Evidence: poses (as of place recognition), from which particles of this `share` of the weight
    are drawn: as many of them, or `more` beside those that are there. `weights` of the poses; none:
    they count the same."""

    fixes: tuple[Fix, ...]
    share: float
    weights: tuple[float, ...] = ()
    more: int = 0


Evidence = Labels | Fix | Hypotheses | None


@dataclass(frozen=True, slots=True)
class Step:
    """Something to apply at its stamp: odometry at that stamp (None: not known) and evidence."""

    stamp_ns: int
    odometry: Odometry | None
    evidence: Evidence

    @property
    def order(self) -> tuple[int, int]:
        """Steps of one stamp come in a fixed order, whichever arrives first."""
        return self.stamp_ns, (type(None), Hypotheses, Labels, Fix).index(type(self.evidence))


@dataclass(frozen=True, slots=True)
class FilterState:
    """Particles at a stamp; `odometry` is the last known until then, and `weighed_at` that of the
    last label images that were used (None: none yet). `corrected_at` is the odometry's pose when
    the last evidence, or the start, said where the base is.

    `fit` is how well the last label images fitted the best particle: 1 as they should, 0 as if by
    chance (see `label_fit`); None before the first, or if they showed too little.
    """

    stamp_ns: int
    particles: Particles
    odometry: Odometry | None
    weighed_at: FloatArray | None = None
    corrected_at: FloatArray | None = None
    fit: float | None = None


class ParticleFilter:
    """Particles of `map_from_base`; see the top of the file. Not thread-safe.

    `table` (L, L + 1) holds log ratios: see `label_statistics`.
    """

    def __init__(
        self, points: LabelPoints, table: NDArray[np.float32], config: FilterConfig, seed: int
    ) -> None:
        self._points = points
        self._log_ratios = table
        self._table = pack_table(table)
        self._config = config
        self._seed = seed
        self._generation = 0
        self._states: list[FilterState] = []
        self._steps: list[Step] = []  # step k led from state k to state k + 1

    @property
    def state(self) -> FilterState | None:
        """The newest state, None before `start`."""
        return self._states[-1] if self._states else None

    def start(
        self, stamp_ns: int, odometry: Odometry | None, hypotheses: Sequence[Fix],
        count: int | None = None, weights: Sequence[float] = (),
    ) -> FilterState:
        """A new generation of `count` particles (as many as there may be) from hypotheses, each
        with the same share, or by `weights`; what was there is forgotten."""
        self._generation += 1
        rng = self._generator(stamp_ns, _START)
        poses = _poses_of(hypotheses, count or self._config.particles.most, rng, weights)
        state = FilterState(stamp_ns, equal(poses), odometry, corrected_at=_pose_of(odometry))
        self._states, self._steps = [state], []
        return state

    def add(self, step: Step) -> FilterState | None:
        """Apply a step at its stamp, in order; the newest state, or None for a step that is older
        than the history or comes before `start`."""
        if not self._states or step.stamp_ns < self._states[0].stamp_ns:
            return None
        place = len(self._steps)
        while place and self._steps[place - 1].order > step.order:
            place -= 1
        waiting = [step, *self._steps[place:]]
        del self._steps[place:], self._states[place + 1 :]
        for one in waiting:
            self._states.append(self._advanced(self._states[-1], one))
            self._steps.append(one)
        self._forget_old()
        return self._states[-1]

    def clusters(self) -> list[Cluster]:
        """The hypotheses that the particles form, heaviest first; none before `start`."""
        if not self._states:
            return []
        return clusters(self._states[-1].particles, self._config.particles)

    def _advanced(self, state: FilterState, step: Step) -> FilterState:
        rng = self._generator(*step.order)
        state = _predicted(state, step, self._config, rng)
        if isinstance(step.evidence, Hypotheses):
            particles = _injected(state.particles, step.evidence, rng)
            return replace(state, particles=particles)
        if isinstance(step.evidence, Fix):
            particles = fused(state.particles, step.evidence, self._config, rng)
            state = replace(state, particles=particles, corrected_at=_pose_of(state.odometry))
        elif isinstance(step.evidence, Labels):
            state = self._weighed(state, step.evidence, rng)
        if self._is_depleted(state.particles):
            particles = drawn_anew(state.particles, self._config.particles, rng)
            state = replace(state, particles=particles)
        return state

    def _is_depleted(self, particles: Particles) -> bool:
        """Too few particles carry the weight, or there are more than are wanted."""
        config = self._config.particles
        few = particles.effective < config.resample_below * len(particles)
        return few or len(particles) > max(config.most, config.least)

    def _weighed(
        self, state: FilterState, labels: Labels, rng: np.random.Generator
    ) -> FilterState:
        """Label images may leave a handful of the particles: then their weight is applied in
        parts, with particles drawn anew and spread between (annealing, Deutscher et al., 2000)."""
        particles, left, config = state.particles, self._newness(state), self._config
        if not left:
            return replace(state, fit=self._fit(particles, labels))
        for last in [False] * (config.stages - 1) + [True]:
            gained = label_log_likelihoods(
                self._points, self._table, particles, labels.views, config
            )
            part = left if last else bearable(
                particles, gained, left, config.particles.resample_below
            )
            particles = normalized(particles.poses, particles.log_weights + part * gained)
            left -= part
            if left <= 0:
                break
            particles = drawn_anew(particles, config.particles, rng)
        at, fit = _pose_of(state.odometry), self._fit(particles, labels)
        return replace(state, particles=particles, weighed_at=at, corrected_at=at, fit=fit)

    def _fit(self, particles: Particles, labels: Labels) -> float | None:
        best = particles.poses[particles.log_weights.argmax()]
        return label_fit(self._points, self._log_ratios, best, labels.views, self._config)

    def _newness(self, state: FilterState) -> float:
        """How much of label images is new evidence, 0 to 1.

        A robot that stands sees the same errors of map and labels again, one that crawls almost
        the same: evidence grows with the way and the turn since it was used last.
        """
        config = self._config
        if state.weighed_at is None or state.odometry is None:
            return 1.0
        way, turn = se3.pose_error(state.weighed_at, state.odometry.odom_from_base)
        if way < config.standing_m and turn < np.radians(config.standing_deg):
            return 0.0
        new = way / config.independent_m + turn / np.radians(config.independent_deg)
        return float(min(new, 1.0))

    def _generator(self, stamp_ns: int, kind: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, self._generation, abs(stamp_ns), kind])

    def _forget_old(self) -> None:
        """Drop steps older than the history, always keeping the newest state."""
        oldest = self._states[-1].stamp_ns - self._config.history_s * _NANOSECONDS
        old = 0
        while old < len(self._steps) and self._states[old + 1].stamp_ns < oldest:
            old += 1
        del self._steps[:old], self._states[:old]


def _pose_of(odometry: Odometry | None) -> FloatArray | None:
    return None if odometry is None else odometry.odom_from_base


def _predicted(
    state: FilterState, step: Step, config: FilterConfig, rng: np.random.Generator
) -> FilterState:
    """Particles moved to the step's stamp."""
    before, now = state.odometry, step.odometry
    if before is not None and now is not None:
        motion = se3.inverse(before.odom_from_base) @ now.odom_from_base
        corrected = state.corrected_at
        if corrected is None:
            corrected = before.odom_from_base
        since_m = float(se3.pose_error(corrected, before.odom_from_base)[0])
        random = covariance_between(before, now)
        if random is None:
            covariance = motion_covariance(motion, config.odometry, since_m)
        else:
            covariance = random + systematic_covariance(motion, config.odometry, since_m)
    else:
        elapsed = max(step.stamp_ns - state.stamp_ns, 0) / _NANOSECONDS
        motion, covariance = np.eye(4), blind_covariance(elapsed, config.odometry)
    poses = moved(state.particles.poses, motion, covariance, rng)
    particles = Particles(poses, state.particles.log_weights)
    return replace(state, stamp_ns=step.stamp_ns, particles=particles, odometry=now or before)


def _injected(
    particles: Particles, hypotheses: Hypotheses, rng: np.random.Generator
) -> Particles:
    """A mixture of what is believed and of the hypotheses, by their share."""
    share = hypotheses.share
    count = hypotheses.more or round(share * len(particles))
    if not count or not hypotheses.fixes or share <= 0.0:
        return particles
    fresh = _poses_of(hypotheses.fixes, count, rng, hypotheses.weights)
    if hypotheses.more:
        log_weights = np.full(count, np.log(share / count))
        kept_weights = particles.log_weights + np.log1p(-share)
        return Particles(
            np.concatenate([particles.poses, fresh]), np.r_[kept_weights, log_weights]
        )
    kept = systematic(particles.weights, len(particles) - count, rng)
    return equal(np.concatenate([particles.poses[kept], fresh]))


def _poses_of(
    fixes: Sequence[Fix], count: int, rng: np.random.Generator, weights: Sequence[float] = ()
) -> FloatArray:
    """`count` poses, about as many from each fix, or by their weights."""
    ends = np.linspace(0, count, len(fixes) + 1)
    if len(weights):
        ends = np.r_[0.0, np.cumsum(weights) * count / np.sum(weights)]
    shares = np.diff(ends.round().astype(int))
    drawn = [
        gaussian(fix.map_from_base, fix.covariance, share, rng)
        for fix, share in zip(fixes, shares, strict=True)
    ]
    return np.concatenate(drawn)
