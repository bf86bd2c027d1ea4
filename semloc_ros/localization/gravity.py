"""Which way is down in the camera's frame: the base stands level, or an IMU tells.

An IMU that gives an orientation is believed in it. Of others the specific force is low-passed: an
accelerometer at rest measures what holds it up, which points away from the ground. Where turn
rates are measured, the force is turned by them between two samples (a complementary filter: Mahony
et al., "Nonlinear complementary filters on the special orthogonal group", 2008, the passive one
without a bias). Then the low pass may be slow, so that braking averages out, and in curves, where
the force is not gravity alone, nothing is taken in.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from semloc_ros.errors import InputError, expected
from semloc_ros.geometry import se3
from semloc_ros.localization.outcomes import Sighting
from semloc_ros.types import FloatArray

GRAVITY = 9.81  # m/s²
_SMOOTHING_S = 8.0  # with turn rates: their bias of 0.005 rad/s then makes 2 degrees
_BLIND_SMOOTHING_S = 1.0  # without: a robot that pitches must be followed
_CURVE = 0.15  # rad/s
_MOST_OFF = 1.0  # m/s²: the low-passed force of a robot that brakes or curves harder is not gravity
_MAX_AGE_NS = 500_000_000
_KEPT_NS = 10_000_000_000
_RESTART_NS = 1_000_000_000
_DOWN = np.array([0.0, 0.0, -1.0])  # in frames whose z axis is up

Mount = Callable[[str], FloatArray]


@dataclass(frozen=True, slots=True)
class ImuSample:
    """One message of an IMU in its own axes; what it does not measure is None.

    `specific_force` (3,) m/s²; `turn_rate` (3,) rad/s; `world_from_imu` (3, 3), z up.
    """

    frame: str
    specific_force: FloatArray | None
    turn_rate: FloatArray | None
    world_from_imu: FloatArray | None


@dataclass(frozen=True, slots=True)
class _Known:
    stamp_ns: int
    frame: str
    down: FloatArray  # unit vector (3,) in axes of the IMU
    force: FloatArray | None  # low-passed, (3,) m/s²; None where it was not asked
    seen_s: float = 0.0  # for how long: at first the low pass is the mean


class ImuGravity:
    """Gravity in the IMU's axes by stamp, over the last 10 s; thread-safe."""

    def __init__(self) -> None:
        self._known: deque[_Known] = deque()
        self._lock = threading.Lock()

    def add(self, stamp_ns: int, sample: ImuSample) -> None:
        """Take a sample in; one that is not newer than the last is dropped, unless it is older by
        more than 1 s: then its source has started anew."""
        with self._lock:
            last = self._known[-1] if self._known else None
            if last is not None and last.stamp_ns - _RESTART_NS <= stamp_ns <= last.stamp_ns:
                return
            if last is None or not 0 < stamp_ns - last.stamp_ns < _MAX_AGE_NS:
                self._known.clear()
                last = None
            self._known.append(_after(last, stamp_ns, sample))
            while self._known[0].stamp_ns < stamp_ns - _KEPT_NS:
                self._known.popleft()

    def clear(self) -> None:
        """Forget everything, as after a jump of the clock."""
        with self._lock:
            self._known.clear()

    def at(self, stamp_ns: int) -> tuple[FloatArray, str]:
        """The unit vector (3,) of gravity and the IMU's frame, by the last sample up to the stamp.

        Raises InputError, in one line, where that is older than 0.5 s, or where the low-passed
        force is far from that of gravity.
        """
        with self._lock:
            known = next((one for one in reversed(self._known) if one.stamp_ns <= stamp_ns), None)
        if known is None:
            raise InputError(expected("imu", "a sample at the image's stamp", "none"))
        age_ns = stamp_ns - known.stamp_ns
        if age_ns > _MAX_AGE_NS:
            wanted = f"a sample within {_MAX_AGE_NS / 1e9:g} s"
            raise InputError(expected("imu", wanted, f"one {age_ns / 1e9:.1f} s before the image"))
        norm = GRAVITY if known.force is None else float(np.linalg.norm(known.force))
        if abs(norm - GRAVITY) > _MOST_OFF:
            wanted = f"{GRAVITY:g} m/s² within {_MOST_OFF:g}"
            raise InputError(expected("imu.linear_acceleration", wanted, f"{norm:.2f}"))
        return known.down, known.frame


def imu_sample(message: Any) -> ImuSample:
    """Of a sensor_msgs/Imu, of ROS or of a bag; the first covariance -1 means not measured.

    Raises InputError, in one line, for a message without a frame, NaN, a quaternion that is zero,
    or where neither orientation nor acceleration is measured.
    """
    frame = str(message.header.frame_id).lstrip("/")
    if not frame:
        raise InputError(expected("imu.header.frame_id", "a frame", "''"))
    turn = _measured(message, "orientation", ("x", "y", "z", "w"))
    force = _measured(message, "linear_acceleration", ("x", "y", "z"))
    if turn is None and force is None:
        raise InputError(expected("imu", "orientation or linear_acceleration", "neither"))
    world_from_imu = None
    if turn is not None:
        try:
            world_from_imu = se3.from_quaternion_xyzw(np.zeros(3), turn)[:3, :3]
        except InputError as error:
            raise InputError(f"imu.orientation: {error}") from None
    rate = _measured(message, "angular_velocity", ("x", "y", "z"))
    return ImuSample(frame, force, rate, world_from_imu)


def down_camera(
    source: str, sighting: Sighting, imu: ImuGravity, mount: Mount
) -> FloatArray | None:
    """The unit vector (3,) of gravity in camera axes, None where `source` is "none".

    "level" takes the base's z axis for up, "imu" asks `imu`; `mount(frame)` is base_from_frame
    (4, 4). Raises SemlocError, in one line, where the IMU cannot tell or its mount is unknown.
    """
    if source == "none":
        return None
    down_base = _DOWN
    if source == "imu":
        down_imu, frame = imu.at(sighting.stamp_ns)
        down_base = mount(frame)[:3, :3] @ down_imu
    down: FloatArray = sighting.base_from_camera[:3, :3].T @ down_base
    return down


def _after(last: _Known | None, stamp_ns: int, sample: ImuSample) -> _Known:
    """What is known after a sample; `last` is that before it, if it still counts."""
    if sample.world_from_imu is not None:
        return _Known(stamp_ns, sample.frame, sample.world_from_imu.T @ _DOWN, None)
    assert sample.specific_force is not None  # `imu_sample` has seen to it
    force, seen_s = sample.specific_force, 0.0
    if last is not None and last.force is not None:
        seconds = (stamp_ns - last.stamp_ns) * 1e-9
        force = _low_passed(last.force, last.seen_s, seconds, sample, force)
        seen_s = last.seen_s + seconds
    down = -force / max(float(np.linalg.norm(force)), 1e-9)
    return _Known(stamp_ns, sample.frame, down, force, seen_s)


def _low_passed(
    last: FloatArray, seen_s: float, seconds: float, sample: ImuSample, force: FloatArray
) -> FloatArray:
    """The low-passed force `seconds` after it was `last`."""
    smoothing_s, turned = _BLIND_SMOOTHING_S, last
    if sample.turn_rate is not None:
        smoothing_s = _SMOOTHING_S
        turned = se3.exp([0, 0, 0, *(-seconds * sample.turn_rate)])[:3, :3] @ last
        if np.linalg.norm(sample.turn_rate) > _CURVE:
            return turned
    return turned + seconds / min(seen_s + 2 * seconds, smoothing_s) * (force - turned)


def _measured(message: Any, name: str, axes: tuple[str, ...]) -> FloatArray | None:
    """The numbers of one quantity, None where it is not measured."""
    if getattr(message, f"{name}_covariance")[0] == -1:
        return None
    values = np.array([getattr(getattr(message, name), axis) for axis in axes], dtype=np.float64)
    if not np.isfinite(values).all():
        raise InputError(expected(f"imu.{name}", "finite numbers", values.tolist()))
    return values
