"""What belongs to the images of the camera by its stamps: masks, label maps, places and
objects.

The node and the replay keep them in the same `Companions`, wait for them equally long by their
own clocks, and give an image the same ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import LocalizerNodeConfig
from semloc_ros.errors import InputError, expected
from semloc_ros.types import LabelMap

MASK, LABELS, PLACES, OBJECTS = "mask", "labels", "places", "objects"
_KEPT = 10  # while an image waits or is in work, those of later ones come
_FLOW_NS = 2_000_000_000  # without one for longer, none is waited for


class Joined(NamedTuple):
    """What an image got, and which it is: "exact" (of the same stamp), "last" (of an earlier
    image, not warped) or "none"."""

    value: Any
    kind: str


NOTHING = Joined(None, "none")


class _Kept(NamedTuple):
    stamp_ns: int
    value: Any
    came_ns: int


class Companions:
    """The last ten of each kind, in whatever form they come. Not thread-safe."""

    def __init__(self) -> None:
        self._flows = {name: _Flow() for name in (MASK, LABELS, PLACES, OBJECTS)}

    def add(self, name: str, stamp_ns: int, value: Any, now_ns: int) -> None:
        """Keep one of the kind `name` (MASK, LABELS, PLACES or OBJECTS) that has come now."""
        flow = self._flows[name]
        flow.values.append(_Kept(stamp_ns, value, now_ns))
        flow.came_ns = now_ns

    def flows(self, name: str, now_ns: int) -> bool:
        """Whether one of that kind has come lately, so that more are to be expected."""
        return self._flows[name].flows(now_ns)

    def came_ns(self, name: str, stamp_ns: int) -> int | None:
        """When the one of that kind came that belongs to the image of this stamp."""
        came = (one.came_ns for one in self._flows[name].values if one.stamp_ns == stamp_ns)
        return next(came, None)

    def clear(self) -> None:
        """Forget everything, as after a jump of the clock."""
        self._flows = {name: _Flow() for name in self._flows}

    def wait_until_ns(
        self, stamp_ns: int, since_ns: int, now_ns: int, config: LocalizerNodeConfig
    ) -> int:
        """When an image that waits since `since_ns` has waited long enough for what is missing.

        Only what has come lately is waited for, and not once one of this stamp or a later one
        is there; places never.
        """
        waits = {
            MASK: config.mask_wait_ms, LABELS: config.labels_wait_ms,
            OBJECTS: config.objects_wait_ms,
        }  # fmt: skip
        lacking = [name for name in waits if self._flows[name].lacks(stamp_ns, now_ns)]
        return since_ns + round(max((waits[name] for name in lacking), default=0.0) * 1e6)

    def join(self, stamp_ns: int, config: LocalizerNodeConfig) -> dict[str, Joined]:
        """By name what belongs to the image of that stamp."""
        ages = {
            MASK: config.mask_max_age, LABELS: config.labels_max_age,
            PLACES: config.places_max_age, OBJECTS: 0.0,
        }  # fmt: skip
        return {name: flow.fitting(stamp_ns, ages[name]) for name, flow in self._flows.items()}


class _Flow:
    """One kind of companions in the order of arrival."""

    def __init__(self) -> None:
        self.values: deque[_Kept] = deque(maxlen=_KEPT)
        self.came_ns: int | None = None

    def flows(self, now_ns: int) -> bool:
        return self.came_ns is not None and now_ns - self.came_ns < _FLOW_NS

    def lacks(self, stamp_ns: int, now_ns: int) -> bool:
        return self.flows(now_ns) and not any(one.stamp_ns >= stamp_ns for one in self.values)

    def fitting(self, stamp_ns: int, max_age_s: float) -> Joined:
        """Never that of a later image; of equal stamps the one that came last."""
        ages = [(stamp_ns - one.stamp_ns, one.value) for one in reversed(self.values)]
        fitting = [pair for pair in ages if 0 <= pair[0] <= max_age_s * 1e9]
        if not fitting:
            return NOTHING
        age, value = min(fitting, key=lambda pair: pair[0])
        return Joined(value, "exact" if age == 0 else "last")


def check_companion(name: str, pixels: LabelMap, image: NDArray[np.uint8]) -> None:
    """InputError for a mask or label map that is not of its image's size, or no such thing."""
    wanted = "x".join(map(str, image.shape[1::-1]))
    if pixels.shape != image.shape[:2]:
        got = "x".join(map(str, pixels.shape[1::-1])) + f" of {pixels.ndim} dimensions"
        raise InputError(expected(name, f"{wanted} pixels of one channel, as the image", got))
    if name == MASK and not np.isin(pixels, (0, 255)).all():
        raise InputError(expected(name, "0 and 255 only", np.unique(pixels)[:6].tolist()))


def kinds_of(joined: Mapping[str, Joined]) -> dict[str, str]:
    """By name the kind alone."""
    return {name: one.kind for name, one in joined.items()}
