"""A stream of events through the localizer that the node runs, without ROS and without a clock.

Time is that of the events. Images wait for their mask and labels and for odometry as they do in
the node (`mask_wait_ms` and `labels_wait_ms`, then `odometry_wait_ms`); computing takes no time, so
every image is served. What would be published goes to a `PredictionLog`. Same events, same seed:
same poses, bit for bit.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from semloc_ros.config import EvaluateConfig
from semloc_ros.evaluation.arrivals import Arrivals, Mount
from semloc_ros.evaluation.recording import PredictionLog
from semloc_ros.evaluation.stream import IMAGE, Event
from semloc_ros.localization.parts import make_session
from semloc_ros.localization.reports import draw_overlay, spreads_of
from semloc_ros.localization.serving import (
    CLOCK_JUMP_BACK_NS,
    TICK_NS,
    FrameLocalizer,
    Served,
    StampCheck,
    Untried,
    refuse,
    serve,
)
from semloc_ros.localization.smoothing import Smoother
from semloc_ros.localization.states import Reason, Standing

_MS = 1_000_000


@dataclass(slots=True)
class _Waiting:
    """An image that waits for its mask and labels (until then `joined_ns` is None), then for
    odometry; times by the robot's clock as it goes now, though it may have jumped since."""

    event: Event
    epoch: int
    came_ns: int
    joined_ns: int | None = None


class Replay:
    """One robot. `mount(frame)` gives `base_from_camera` (4, 4) of a camera's frame, or raises
    InputError."""

    def __init__(
        self, localizer: FrameLocalizer, config: EvaluateConfig, mount: Mount, log: PredictionLog
    ) -> None:
        self._localizer, self._config, self._log = localizer, config, log
        self._session = make_session(localizer, config)
        self._smoother = Smoother()
        self._arrivals = Arrivals(config, mount)
        self._stamps = StampCheck()
        self._image_came_ns: int | None = None
        self._waiting: deque[_Waiting] = deque()
        self._now_ns = 0
        self._next_tick_ns = self._next_tf_ns = 0
        self._offset_ns = 0  # of the robot's clock to that of the recording
        self._said = self._session.standing

    def run(self, events: Iterable[Event]) -> None:
        """Feed all events; what still waits at the end is served."""
        for event in events:
            self.feed(event)
        while self._waiting:
            self._let_pass(self._deadline_ns(self._waiting[0]))

    def feed(self, event: Event) -> None:
        """Let time pass until the event, take it in, and serve the images that are ready."""
        offset_ns = event.stamp_ns - event.origin_ns
        if self._now_ns == 0:
            self._offset_ns = offset_ns
            self._start_clock(event.at_ns)
        elif offset_ns != self._offset_ns:
            self._set_clock(offset_ns, event.at_ns)
        elif event.at_ns < self._now_ns - CLOCK_JUMP_BACK_NS:  # of the recording itself
            self._jump_back()
            self._start_clock(event.at_ns)
        self._let_pass(event.at_ns)
        self._take_in(event)
        self._serve_ready()

    def _start_clock(self, now_ns: int) -> None:
        self._now_ns = now_ns
        self._next_tick_ns = self._next_tf_ns = now_ns

    def _set_clock(self, offset_ns: int, at_ns: int) -> None:
        """The robot's clock jumps and reads `at_ns` at the next event. Waits and timers are by
        steady clocks, as in the node: they last as long as they would have without the jump."""
        jump_ns = offset_ns - self._offset_ns
        self._let_pass(at_ns - jump_ns)
        self._offset_ns = offset_ns
        self._now_ns += jump_ns
        self._next_tick_ns += jump_ns
        self._next_tf_ns += jump_ns
        for waiting in self._waiting:
            waiting.came_ns += jump_ns
            if waiting.joined_ns is not None:
                waiting.joined_ns += jump_ns
        if jump_ns < -CLOCK_JUMP_BACK_NS:
            self._jump_back()

    def _let_pass(self, until_ns: int) -> None:
        """Timers and waits that end until then, in their order."""
        while True:
            waits = [self._deadline_ns(one) for one in list(self._waiting)[:1]]
            due = min([self._next_tick_ns, self._next_tf_ns, *waits])
            if due > until_ns:
                break
            self._now_ns = max(self._now_ns, due)
            if due == self._next_tick_ns:
                self._next_tick_ns += TICK_NS
                self._tick()
            elif due == self._next_tf_ns:
                self._next_tf_ns += round(1e9 / self._config.tf_rate)
                self._broadcast()
            self._serve_ready()
        self._now_ns = max(self._now_ns, until_ns)

    def _take_in(self, event: Event) -> None:
        if event.kind == IMAGE:
            self._image_came_ns = self._now_ns
            self._log.frame(event.origin_ns, self._recorded(self._now_ns))
            self._waiting.append(_Waiting(event, self._session.epoch, event.at_ns))
        else:
            self._arrivals.take_in(event, self._now_ns, self._recorded(self._now_ns))

    def _serve_ready(self) -> None:
        while self._waiting and self._is_ready(self._waiting[0]):
            self._serve(self._waiting.popleft())

    def _is_ready(self, waiting: _Waiting) -> bool:
        if waiting.joined_ns is None:
            if self._now_ns < self._deadline_ns(waiting):
                return False
            waiting.joined_ns = self._now_ns
        newest = self._arrivals.odometry.newest
        reached = newest is not None and newest.stamp_ns >= waiting.event.stamp_ns
        return reached or self._now_ns >= self._deadline_ns(waiting)

    def _deadline_ns(self, waiting: _Waiting) -> int:
        """When the wait that the image is in now ends."""
        if waiting.joined_ns is not None:
            wait_ms = 0.0 if self._config.odometry == "none" else self._config.odometry_wait_ms
            return waiting.joined_ns + round(wait_ms * _MS)
        since, now = self._recorded(waiting.came_ns), self._recorded(self._now_ns)
        stamp, companions = waiting.event.stamp_ns, self._arrivals.companions
        return self._offset_ns + companions.wait_until_ns(stamp, since, now, self._config)

    def _serve(self, waiting: _Waiting) -> None:
        started, event = time.perf_counter(), waiting.event
        try:
            self._stamps.check(event.stamp_ns, self._now_ns)
            frame, kinds = self._arrivals.frame(event)
            sighting = self._arrivals.sighting(event)
        except Untried as untried:
            if untried.reason is Reason.CLOCK_JUMP:
                self._jump_back()
            served = refuse(self._session, untried, event.stamp_ns, self._now_ns)
            self._record(waiting, served, started)
            return
        frame = self._arrivals.completed(frame, sighting)
        ready = time.perf_counter()
        served = serve(self._localizer, self._session, frame, sighting, kinds, waiting.epoch)
        self._record(waiting, served, started, prepare_ms=(ready - started) * 1e3)
        tracked = served.outcome.tracked
        cloud = None if tracked is None else (tracked.particles.poses, tracked.particles.weights)
        self._log.evidence(event.origin_ns, frame, served.result, cloud)
        if self._log.wants_thumbnails:
            standing = served.outcome.standing
            drawn = draw_overlay(frame.image, frame.camera, served.result, standing)
            self._log.thumbnail(event.origin_ns, drawn)

    def _record(self, waiting: _Waiting, served: Served, started: float, **times: float) -> None:
        """What would be published; it arrives after the wait and the real computing time."""
        event, computed_ms = waiting.event, (time.perf_counter() - started) * 1e3
        latency_ms = (self._now_ns - waiting.came_ns) / _MS + computed_ms
        received_ns = self._recorded(waiting.came_ns) + round(latency_ms * _MS)
        if served.outcome.fix is not None:
            self._log.pose(event.origin_ns, received_ns, served.outcome.fix)
        values = {**served.values, **times, "latency_ms": latency_ms}
        self._said = served.outcome.standing
        self._log.status(event.origin_ns, received_ns, self._said, values)

    def _tick(self) -> None:
        standing = self._session.tick(
            self._now_ns, self._arrivals.odometry.newest, self._image_came_ns
        )
        if (standing.state, standing.reason) != (self._said.state, self._said.reason):
            self._say(standing)

    def _say(self, standing: Standing) -> None:
        """A status of no frame; 1 ns late, as it must not pass for that of an image that was
        stamped at this very time."""
        self._said = standing
        values: dict[str, Any] = {"fix_age_s": standing.fix_age_s(self._now_ns)}
        stamp = self._recorded(self._now_ns) + 1
        self._log.status(stamp, stamp, standing, {**values, **spreads_of(self._session)})

    def _broadcast(self) -> None:
        pose, config = self._session.map_from_odom, self._config
        if pose is None or config.odometry == "none" or not config.publish_tf:
            return
        now, newest = self._recorded(self._now_ns), self._arrivals.odometry.newest
        pose = self._smoother.follow(pose, newest, now * 1e-9, config)
        stamp = now + round(config.transform_tolerance * 1e9)
        self._log.transform(stamp, now, config.map_frame, config.odom_frame, pose)

    def _jump_back(self) -> None:
        """As the node does when its clock or the images' stamps are set back."""
        self._waiting.clear()
        self._image_came_ns = None
        self._session.reset(Reason.CLOCK_JUMP)
        self._smoother.forget()
        self._arrivals.clear()
        self._stamps.forget()

    def _recorded(self, now_ns: int) -> int:
        """A time of the robot's clock by that of the recording."""
        return now_ns - self._offset_ns
