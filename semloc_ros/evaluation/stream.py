"""What arrives at a localizer, one event after the other, wherever it comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from semloc_ros.errors import SemlocError
from semloc_ros.localization.companions import LABELS, MASK, OBJECTS, PLACES
from semloc_ros.types import FloatArray

IMAGE, CAMERA, ODOMETRY, IMU = "image", "camera", "odometry", "imu"
__all__ = [
    "CAMERA", "IMAGE", "IMU", "LABELS", "MASK", "OBJECTS", "ODOMETRY", "PLACES", "Event",
    "with_made",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """One arrival.

    `at_ns` is when it arrives, `stamp_ns` what its header says, both by the robot's clock;
    `origin_ns` is its stamp in the recording, by which the truth is known, whatever a fault did
    to the clock. `value` by `kind`: an image (H, W[, 3]) uint8, a `Camera`, `odom_from_base`
    (4, 4), a mask (H, W) uint8, a label map (H, W), an `ImuSample`, `Places`, `ObjectMatches`; or
    the SemlocError that reading it raised. `frame` is that of the header, `covariance` (6, 6) that
    of odometry, if its message has one.
    """

    at_ns: int
    stamp_ns: int
    kind: str
    value: Any
    origin_ns: int
    frame: str = ""
    covariance: FloatArray | None = None


def with_made(
    events: Iterable[Event], kind: str, make: Callable[[NDArray[Any]], Any]
) -> Iterator[Event]:
    """The events, and before each image one of this kind with what `make` makes of the image, or
    the SemlocError that it raised; nothing before an image that is broken."""
    for event in events:
        if event.kind == IMAGE and not isinstance(event.value, SemlocError):
            try:
                made = make(event.value)
            except SemlocError as error:
                made = error
            yield replace(event, kind=kind, value=made)
        yield event
