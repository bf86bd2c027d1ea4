"""The transform from the map as it is broadcast, where a controller must not see it jump.

A fix moves `map_from_odom` at once. With a time constant the broadcast one follows it along the
screw motion between the two, so that what is left of a step shrinks by 1/e in that time; a large
step, as after a kidnap, is never hidden but broadcast at once.
"""

from __future__ import annotations

import numpy as np

from semloc_ros.config import LocalizerNodeConfig
from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray, Odometry


class Smoother:
    """What was broadcast last. `config.tf_smoothing` 0 smooths nothing. Not thread-safe."""

    def __init__(self) -> None:
        self._shown: FloatArray | None = None
        self._at_s = 0.0

    def forget(self) -> None:
        """The next one is broadcast as it is: after a jump of the clock odometry is another."""
        self._shown = None

    def follow(
        self, map_from_odom: FloatArray, newest: Odometry | None, now_s: float,
        config: LocalizerNodeConfig,
    ) -> FloatArray:
        """The pose (4, 4) to broadcast at `now_s` (any steady clock) on the way to
        `map_from_odom`; a step is measured at the base, which is where the newest odometry has
        it."""
        elapsed, self._at_s = max(now_s - self._at_s, 0.0), now_s
        shown = self._shown
        if shown is None or _is_large(shown, map_from_odom, newest, config):
            self._shown = map_from_odom
            return map_from_odom
        fraction = -np.expm1(-elapsed / config.tf_smoothing)
        self._shown = moved = se3.interpolate(shown, map_from_odom, fraction)
        return moved


def _is_large(
    shown: FloatArray, target: FloatArray, newest: Odometry | None, config: LocalizerNodeConfig
) -> bool:
    if config.tf_smoothing <= 0:
        return True
    base = np.eye(4) if newest is None else newest.odom_from_base
    way, turn = se3.pose_error(shown @ base, target @ base)
    limit = np.radians(config.tf_smoothing_max_deg)
    return bool(way > config.tf_smoothing_max_m or turn > limit)
