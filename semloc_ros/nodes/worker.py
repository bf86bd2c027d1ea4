"""The one thread that computes: newest image → frame → pose → published.

It reads like the pipeline. Whatever a frame lacks is an `Untried` with the reason word of the
status; nothing is guessed in its place.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image, PointCloud2

from semloc_ros.config import LocalizerNodeConfig
from semloc_ros.errors import InputError
from semloc_ros.localization.companions import (
    LABELS,
    MASK,
    NOTHING,
    OBJECTS,
    PLACES,
    Joined,
    check_companion,
    kinds_of,
)
from semloc_ros.localization.gravity import down_camera
from semloc_ros.localization.object_clouds import matches_from
from semloc_ros.localization.outcomes import Outcome, Sighting
from semloc_ros.localization.place_clouds import places_from
from semloc_ros.localization.places import with_carried_places
from semloc_ros.localization.reports import draw_overlay
from semloc_ros.localization.serving import (
    FrameLocalizer,
    Served,
    StampCheck,
    Untried,
    refuse,
    serve,
)
from semloc_ros.localization.session import Session
from semloc_ros.localization.states import Reason
from semloc_ros.nodes import messages
from semloc_ros.nodes.faults import Faults
from semloc_ros.nodes.inputs import Inputs
from semloc_ros.nodes.loop import Loop
from semloc_ros.nodes.newest import Arrival
from semloc_ros.nodes.outputs import Outputs
from semloc_ros.nodes.transforms import MapBroadcaster, OdometrySource, TransformReader
from semloc_ros.types import (
    Camera,
    FloatArray,
    Frame,
    LabelMap,
    NoPose,
    NoPoseReason,
    ObjectMatches,
    Places,
)

_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Stages:
    """What the worker works with; all of it lives from activate to deactivate."""

    inputs: Inputs
    transforms: TransformReader
    odometry: OdometrySource
    session: Session
    localizer: FrameLocalizer
    outputs: Outputs
    broadcaster: MapBroadcaster


class Worker:
    """Runs from `start` until `stop`.

    `config()` gives the current configuration; `on_outcome` is told what became of each frame,
    with a line of detail; `on_jump_back` of images whose stamps jump back.
    """

    def __init__(
        self,
        node: Node,
        stages: Stages,
        faults: Faults,
        config: Callable[[], LocalizerNodeConfig],
        on_outcome: Callable[[Outcome, str], None],
        on_jump_back: Callable[[], None],
        is_paused: Callable[[], bool],
    ) -> None:
        self._stages, self._faults = stages, faults
        self._config, self._on_outcome, self._on_jump_back = config, on_outcome, on_jump_back
        self._is_paused = is_paused
        self._now_ns = lambda: node.get_clock().now().nanoseconds
        self._stamps = StampCheck()
        self._loop = Loop(node, self._turn)

    def start(self) -> None:
        """Begin; may call back at once."""
        self._loop.start()

    def stop(self) -> None:
        """Finish the frame in work, publish it no more, and end."""
        self._loop.stop()

    def forget_stamps(self) -> None:
        """The clock was set back: earlier stamps are right from now on."""
        self._stamps.forget()

    def _turn(self) -> None:
        arrival = self._stages.inputs.take_image(_POLL_S, self._config())
        if arrival is None or self._is_paused():
            return
        try:
            self._serve(arrival, self._stages.session.epoch)
        except Untried as untried:
            self._refuse(arrival, untried)

    def _serve(self, arrival: Arrival, epoch: int) -> None:
        started = time.monotonic()
        frame, kinds = self._frame(arrival.message)
        sighting = self._sighting(arrival.message, frame.stamp_ns)
        frame = self._with_gravity(frame, sighting)
        stages = self._stages
        frame = with_carried_places(frame, sighting.base_from_camera, stages.odometry.at)
        ready = time.monotonic()
        served = serve(stages.localizer, stages.session, frame, sighting, kinds, epoch)
        if self._loop.is_stopping:
            return
        self._publish(frame, served.outcome)
        times = {
            "prepare_ms": (ready - started) * 1e3,
            "latency_ms": (time.monotonic() - arrival.at_s) * 1e3,
        }
        self._report(served, times)
        self._on_outcome(served.outcome, str(served.values["detail"]))
        self._draw(arrival, frame, served)

    def _frame(self, message: Image | CompressedImage) -> tuple[Frame, dict[str, str]]:
        stamp = self._checked_stamp(message)
        try:
            image = messages.image_from(message)
        except InputError as error:
            raise Untried(Reason.BAD_IMAGE, str(error)) from None
        camera = self._camera(image)
        found = self._stages.inputs.companions_of(stamp, self._config())
        joined = {name: self._read(name, one, image) for name, one in found.items()}
        mask, labels, places = (joined[name].value for name in (MASK, LABELS, PLACES))
        frame = Frame(
            stamp, image, camera, mask, labels, places=places, objects=joined[OBJECTS].value
        )
        return frame, kinds_of(joined)

    def _checked_stamp(self, message: Image | CompressedImage) -> int:
        stamp = messages.stamp_ns(message.header.stamp)
        now = self._now_ns()
        try:
            self._stamps.check(stamp, now)
        except Untried as untried:
            if untried.reason is Reason.CLOCK_JUMP:
                self._on_jump_back()  # forgets this stamp too
                self._stamps.check(stamp, now)
            raise
        return stamp

    def _camera(self, image: NDArray[np.uint8]) -> Camera:
        info = self._stages.inputs.camera_info
        if info is None:
            raise Untried(Reason.NO_CAMERA_INFO, "camera_info: expected a message, got none yet")
        try:
            camera = messages.camera_from(info, self._config().rectified)
            messages.check_size(camera, image)
        except InputError as error:
            raise Untried(Reason.BAD_CAMERA_INFO, str(error)) from None
        return camera

    def _read(self, name: str, joined: Joined, image: NDArray[np.uint8]) -> Joined:
        """What a message holds; a broken one is none, as it never gates tracking."""
        if joined.value is None:
            return NOTHING
        try:
            value = self._value(name, joined.value, image)
        except InputError as error:
            self._faults.say(name, str(error))
            return NOTHING
        return Joined(value, joined.kind)

    def _value(
        self, name: str, message: Image | PointCloud2, image: NDArray[np.uint8]
    ) -> LabelMap | Places | ObjectMatches:
        """The places, the objects, or the pixels of a mask or label map."""
        if name == PLACES:
            return places_from(message, self._config().map_frame)
        if name == OBJECTS:
            return matches_from(message, self._config().map_frame)
        pixels = messages.companion_from(name, message)
        check_companion(name, pixels, image)
        return pixels

    def _with_gravity(self, frame: Frame, sighting: Sighting) -> Frame:
        """The frame, and which way is down in it; that the IMU cannot tell holds up nothing."""
        config, stages = self._config(), self._stages

        def mount(imu_frame: str) -> FloatArray:
            return stages.transforms.lookup(config.base_frame, imu_frame, frame.stamp_ns, 0.0)

        try:
            down = down_camera(config.gravity, sighting, stages.inputs.imu, mount)
        except InputError as error:
            self._faults.say("gravity", f"gravity: {error}")
            return frame
        return replace(frame, down_camera=down)

    def _sighting(self, message: Image | CompressedImage, stamp_ns: int) -> Sighting:
        config = self._config()
        wait = config.odometry_wait_ms / 1e3
        odometry = self._stages.odometry
        odom_from_base = odometry.at(stamp_ns, wait)
        camera_frame = messages.frame_of(message.header.frame_id)
        if not camera_frame:
            raise Untried(Reason.BAD_IMAGE, "image.header.frame_id: expected a frame, got ''")
        try:
            base_from_camera = self._stages.transforms.lookup(
                config.base_frame, camera_frame, stamp_ns, wait
            )
        except InputError as error:
            raise Untried(Reason.MISSING_TRANSFORM, str(error)) from None
        covariance = odometry.covariance_near(stamp_ns)
        return Sighting(stamp_ns, base_from_camera, odom_from_base, covariance)

    def _publish(self, frame: Frame, outcome: Outcome) -> None:
        config, outputs = self._config(), self._stages.outputs
        if outcome.fix is not None:
            outputs.publish_fix(outcome.fix, config.map_frame)
            if config.odometry == "none" and config.publish_tf:
                self._stages.broadcaster.send(
                    outcome.fix.map_from_base, config.base_frame, frame.stamp_ns
                )
        outputs.publish_hypotheses(outcome.hypotheses, config.map_frame, frame.stamp_ns)
        if outcome.tracked is not None:
            particles = outcome.tracked.particles
            outputs.publish_particles(particles, config.map_frame, frame.stamp_ns)

    def _report(self, served: Served, times: dict[str, float]) -> None:
        result = served.result
        if isinstance(result, NoPose) and result.reason is not NoPoseReason.NOT_ASKED:
            reason = result.reason.value
            self._faults.say(reason, f"no pose: {reason}: {result.detail}")
        values = {**served.values, **times}
        self._stages.outputs.publish_status(served.outcome.standing, values)

    def _refuse(self, arrival: Arrival, untried: Untried) -> None:
        if self._loop.is_stopping:
            return
        self._faults.say(untried.reason.value, untried.text)
        stamp = messages.stamp_ns(arrival.message.header.stamp)
        served = refuse(self._stages.session, untried, stamp, self._now_ns())
        self._stages.outputs.publish_status(served.outcome.standing, served.values)
        self._on_outcome(served.outcome, untried.text)

    def _draw(self, arrival: Arrival, frame: Frame, served: Served) -> None:
        if self._stages.outputs.wants_overlay():
            drawn = draw_overlay(
                frame.image, frame.camera, served.result, served.outcome.standing
            )
            self._stages.outputs.publish_overlay(drawn, arrival.message.header)
