"""One frame on its way through the localizer: its features, and its matches, each made once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from semloc_ros.config import LocalizerConfig
from semloc_ros.localization.match_filters import FrameLabels
from semloc_ros.localization.matching import PointMatcher, no_correspondences
from semloc_ros.localization.stages import Stopwatch
from semloc_ros.types import Correspondences, Features, FloatArray, Frame, Prior

_GUIDED_PX = 2.0  # width of the search around a pose found, in largest errors of an inlier


class FrameMatches:
    """What one frame offers; methods that are tried after one another share it.

    `labels` None: it is localized without. `views` are rows of the map's views that places name;
    `methods` those that are to be tried, `flaw` one line of what of the frame cannot be used.
    """

    def __init__(
        self, frame: Frame, prior: Prior | None, labels: FrameLabels | None, features: Features,
        matcher: PointMatcher, config: LocalizerConfig, watch: Stopwatch,
        views: Sequence[int] = (), methods: tuple[str, ...] = ("pnp",), flaw: str = "",
    ) -> None:  # fmt: skip
        self.frame, self.prior, self.labels = frame, prior, labels
        self.watch = watch
        self._features, self._matcher, self._config = features, matcher, config
        self._views = views
        self.methods, self.flaw = methods, flaw

    def near(self, expected: Prior) -> FrameMatches:
        """The same frame, expected elsewhere: its matches are those near there."""
        return FrameMatches(
            self.frame, expected, self.labels, self._features, self._matcher, self._config,
            self.watch, (), self.methods, self.flaw,
        )  # fmt: skip

    @cached_property
    def near_prior(self) -> Correspondences:
        """Matches within what the prior leaves open; none without a prior."""
        if self.prior is None:
            return no_correspondences()
        with self.watch.stage("matching"):
            return self._matcher.match_prior(self._features, self.frame.camera, self.prior)

    @property
    def sources(self) -> tuple[str, ...]:
        """What matches come from, in the order in which it is asked."""
        prior = ("prior",) if self.prior is not None else ()
        return (*prior, "places", "map") if len(self._views) else (*prior, "map")

    def offered(self, source: str, labelled: bool) -> Correspondences:
        """Matches from one of `sources`. Those far from a prior are more than are clear by
        themselves where there are labels: only who is `labelled`, and sorts them, gets them all."""
        if source == "prior":
            return self.near_prior
        found = self.in_places if source == "places" else self.in_map
        return found if labelled else self._clear(found)

    @cached_property
    def in_places(self) -> Correspondences:
        """Matches with the views that places name."""
        with self.watch.stage("matching"):
            return self._matcher.match_views(self._features, self._views, self._ratio)

    @cached_property
    def in_map(self) -> Correspondences:
        """Matches with the whole map."""
        with self.watch.stage("matching"):
            return self._matcher.match_map(self._features, self._ratio)

    @property
    def _ratio(self) -> float:
        """With labels, which will sort them, more are let through."""
        matching = self._config.matching
        if self.labels is None:
            return matching.ratio
        return max(matching.ratio, matching.labelled_ratio)

    def _clear(self, found: Correspondences) -> Correspondences:
        return found.select(found.scores > 1.0 - self._config.matching.ratio)

    def around(self, pose: FloatArray) -> Correspondences:
        """Matches near where a pose puts the points."""
        radius = _GUIDED_PX * self._config.pnp.max_error_px
        return self._matcher.match_guided(self._features, self.frame.camera, pose, radius)
