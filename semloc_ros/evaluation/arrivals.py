"""What a localizer holds between two images: for a replay what the node's subscriptions are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from semloc_ros.config import EvaluateConfig
from semloc_ros.errors import InputError, SemlocError
from semloc_ros.evaluation.stream import (
    CAMERA,
    IMU,
    LABELS,
    MASK,
    OBJECTS,
    ODOMETRY,
    PLACES,
    Event,
)
from semloc_ros.geometry.se3 import check_pose
from semloc_ros.localization.companions import (
    NOTHING,
    Companions,
    Joined,
    check_companion,
    kinds_of,
)
from semloc_ros.localization.gravity import ImuGravity, down_camera
from semloc_ros.localization.objects import check_objects
from semloc_ros.localization.odometry import OdometryBuffer
from semloc_ros.localization.outcomes import Sighting
from semloc_ros.localization.places import check_places, with_carried_places
from semloc_ros.localization.serving import Untried, check_not_ahead
from semloc_ros.localization.states import Reason
from semloc_ros.types import Camera, FloatArray, Frame, Odometry

Mount = Callable[[str], FloatArray]


class Arrivals:
    """The newest camera, odometry, masks, label maps, places, objects and the IMU.

    `mount(frame)` as for `Replay`.
    """

    def __init__(self, config: EvaluateConfig, mount: Mount) -> None:
        self._config, self._mount = config, mount
        self._camera: Camera | SemlocError | None = None
        self._imu = ImuGravity()
        self.odometry = OdometryBuffer(config.odometry_max_gap)
        self.companions = Companions()

    def take_in(self, event: Event, now_ns: int, steady_ns: int) -> None:
        """An event that is no image; times by the robot's clock and by one that never jumps."""
        if event.kind == CAMERA:
            self._camera = event.value
        elif event.kind == ODOMETRY:
            self._add_odometry(event, now_ns)
        elif event.kind in (MASK, LABELS, PLACES, OBJECTS):
            self.companions.add(event.kind, event.stamp_ns, event.value, steady_ns)
        elif event.kind == IMU and not isinstance(event.value, SemlocError):
            self._imu.add(event.stamp_ns, event.value)

    def frame(self, event: Event) -> tuple[Frame, dict[str, str]]:
        """The frame of an image with what belongs to it, and which that is. Raises Untried."""
        if isinstance(event.value, SemlocError):
            raise Untried(Reason.BAD_IMAGE, str(event.value))
        if self._camera is None:
            text = "camera_info: expected a message, got none yet"
            raise Untried(Reason.NO_CAMERA_INFO, text)
        if isinstance(self._camera, SemlocError):
            raise Untried(Reason.BAD_CAMERA_INFO, str(self._camera))
        found = self.companions.join(event.stamp_ns, self._config)
        joined = {name: _checked(name, one, event) for name, one in found.items()}
        mask, labels = joined[MASK].value, joined[LABELS].value
        places, objects = joined[PLACES].value, joined[OBJECTS].value
        frame = Frame(
            event.stamp_ns, event.value, self._camera, mask, labels, None, places, objects
        )
        return frame, kinds_of(joined)

    def sighting(self, event: Event) -> Sighting:
        """Circumstances of an image. Raises Untried if it is not known where the camera sits."""
        try:
            base_from_camera = self._mount(event.frame)
        except SemlocError as error:
            raise Untried(Reason.MISSING_TRANSFORM, str(error)) from None
        stamp = event.stamp_ns
        odom_from_base, noise = self.odometry.at(stamp), self.odometry.covariance_near(stamp)
        return Sighting(stamp, base_from_camera, odom_from_base, noise)

    def completed(self, frame: Frame, sighting: Sighting) -> Frame:
        """The frame, with places as of its stamp, and which way is down in it, where that is
        known."""
        frame = with_carried_places(frame, sighting.base_from_camera, self.odometry.at)
        try:
            down = down_camera(self._config.gravity, sighting, self._imu, self._mount)
        except SemlocError:
            return frame
        return replace(frame, down_camera=down)

    def clear(self) -> None:
        """Forget what has a stamp, as after a jump of the clock."""
        self.companions.clear()
        self.odometry.clear()
        self._imu.clear()

    def _add_odometry(self, event: Event, now_ns: int) -> None:
        """A broken sample is none, as in the node."""
        if isinstance(event.value, SemlocError):
            return
        try:
            pose = check_pose("odom", event.value)
            check_not_ahead("odom", event.stamp_ns, now_ns)
        except InputError:
            return
        self.odometry.add(Odometry(event.stamp_ns, pose, event.covariance))


def _checked(name: str, joined: Joined, event: Event) -> Joined:
    """A broken one is none: it never gates tracking."""
    if joined.value is None or isinstance(joined.value, SemlocError):
        return NOTHING
    try:
        if name == PLACES:
            check_places(joined.value)
        elif name == OBJECTS:
            check_objects(joined.value)
        else:
            check_companion(name, joined.value, event.value)
    except InputError:
        return NOTHING
    return joined
