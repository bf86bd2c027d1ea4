"""Whether what the particles say is believed, and when they are to search the whole map."""

from __future__ import annotations

from semloc_ros.config import TrackingConfig
from semloc_ros.localization.belief import position_spread
from semloc_ros.localization.label_tracking import Tracked
from semloc_ros.localization.states import Reason

_MOST_DOUBLINGS = 6


class LabelTrust:
    """Counts, since the last believed pose, the label maps in a row that `strayed` from odometry,
    those that fitted nothing, and those that are yet to confirm what came of rivals."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """A pose is believed, or all is forgotten."""
        self.strayed = self._misfits = self._searches = self._unproven = 0
        self._wants_rivals = False

    def doubt(self, tracked: Tracked, strays: bool, limits: TrackingConfig) -> Reason | None:
        """Why the particles are not believed. `strays`: odometry puts the robot elsewhere.

        Against odometry they must say it several times, since to labels a facade looks like the
        next; and so they must if they did not know where to start.
        """
        fit = tracked.fit
        misfits = fit is not None and fit < limits.labels_fit
        if tracked.is_new:
            self.strayed = self.strayed + 1 if strays else 0
            self._misfits = self._misfits + 1 if misfits else 0
            self._wants_rivals = misfits
            self._unproven = max(self._unproven - 1, 0)
        if fit is None:
            return Reason.FEW_LABELS
        if misfits:
            return Reason.LABELS_DISAGREE
        least = limits.labels_relocate if tracked.from_anywhere else limits.labels_updates
        few = tracked.updates < least or self._unproven > 0
        if tracked.share < limits.labels_share or few:
            return Reason.UNCONFIRMED
        if position_spread(tracked.covariance) > limits.labels_spread_m:
            return Reason.UNCERTAIN
        return Reason.UNCONFIRMED if 0 < self.strayed < limits.labels_relocate else None

    def takes_rivals(self, known: bool, limits: TrackingConfig) -> bool:
        """Whether the last label map that was evidence fitted nothing, so that what else is known
        of the place is to be tried (sensor resetting, Lenser and Veloso, ICRA 2000).

        It counts as done: a robot that stands would draw again and again, and weigh nothing. If
        nothing is `known` of the pose, there is no odometry to be contradicted, and the label maps
        until now speak for other particles: then it takes new ones to believe what comes of it.
        """
        wanted, self._wants_rivals = self._wants_rivals, False
        if wanted and not known:
            self._unproven = limits.labels_updates
        return wanted

    def takes_search(self, limits: TrackingConfig) -> bool:
        """Whether so many label maps did not fit that the whole map is to be searched; it counts
        as done. A search is costly, so after one in vain twice as many are needed."""
        patience = limits.labels_relocate * 2 ** min(self._searches, _MOST_DOUBLINGS)
        if self._misfits < patience:
            return False
        self._misfits, self._searches = 0, self._searches + 1
        self._wants_rivals = False  # a search begins around places, too
        return True
