"""The node `localizer`: images and odometry in; pose, status and tf map → odom out.

A lifecycle node. Configure reads the map, activate subscribes and starts the worker thread,
deactivate stops it, cleanup frees the map. The executor's thread only stores messages,
answers services and broadcasts tf, so a slow frame delays none of that.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nav_msgs.msg import Odometry as OdometryMessage
from rclpy.clock import JumpThreshold, TimeJump
from rclpy.duration import Duration

from semloc_ros.config import LocalizerNodeConfig
from semloc_ros.errors import ConfigError, expected
from semloc_ros.localization.localizer import Localizer
from semloc_ros.localization.odometry import OdometryBuffer
from semloc_ros.localization.parts import make_localizer, make_session
from semloc_ros.localization.reports import spreads_of
from semloc_ros.localization.serving import CLOCK_JUMP_BACK_NS, TICK_NS, FrameLocalizer
from semloc_ros.localization.session import Session
from semloc_ros.localization.smoothing import Smoother
from semloc_ros.localization.states import Reason, Standing
from semloc_ros.maps.storage import load_map
from semloc_ros.nodes.faults import Faults
from semloc_ros.nodes.inputs import Inputs
from semloc_ros.nodes.lifecycle import StagedNode
from semloc_ros.nodes.outputs import Outputs
from semloc_ros.nodes.parameters import NodeParameters
from semloc_ros.nodes.running import run
from semloc_ros.nodes.saved_pose import load_pose
from semloc_ros.nodes.services import LocalizerServices
from semloc_ros.nodes.status import DIAGNOSTICS_S
from semloc_ros.nodes.transforms import MapBroadcaster, TransformReader, make_odometry
from semloc_ros.nodes.worker import Stages, Worker
from semloc_ros.types import FloatArray, Odometry, State

_KNOWN = (State.TRACKING, State.DEGRADED)  # states in which the belief is a pose for others
_JUMP_BACK = Duration(nanoseconds=-CLOCK_JUMP_BACK_NS)


def load_localizer(config: LocalizerNodeConfig) -> FrameLocalizer:
    """The localizer of the configured map; SemlocError if the map or the options do not do."""
    if not config.map:
        raise ConfigError(expected("map", "the folder of a map", "''"))
    return make_localizer(load_map(Path(config.map).expanduser()), config)


@dataclass(frozen=True, slots=True)
class Active:
    """What exists only while the node is active."""

    stages: Stages
    worker: Worker
    smoother: Smoother
    timers: tuple[Any, ...]


class LocalizerNode(StagedNode):
    """See the top of the file; `load` makes the localizer at configure."""

    bad_file = Reason.BAD_MAP.value

    def __init__(
        self,
        load: Callable[[LocalizerNodeConfig], FrameLocalizer] = load_localizer,
        **node_options: Any,
    ) -> None:
        super().__init__("localizer", **node_options)
        self._read_map = load
        self._localizer: FrameLocalizer | None = None
        self._start_pose: tuple[FloatArray, FloatArray] | None = None
        self._active: Active | None = None
        self._options = NodeParameters(
            self, LocalizerNodeConfig, lambda: self._localizer is not None, self._adjust
        )
        self._faults = Faults(self)
        self._outputs = Outputs(self)
        self._answering = LocalizerServices(self, self._session, lambda: self.config)
        self._say_idle(Reason.UNCONFIGURED.value)
        if self.config.autostart:
            self._autostart()

    @property
    def config(self) -> LocalizerNodeConfig:
        """The parameters as they are now."""
        return self._options.config

    def close(self) -> None:
        """Stop the worker; nothing is published afterwards."""
        if self._active is not None:
            self._stop(self._active)

    def _load(self) -> None:
        self._localizer = self._read_map(self.config)
        self._start_pose = self._saved_pose()

    def _unload(self) -> None:
        self._localizer = None

    def _begin(self) -> None:
        self._active = active = self._make_active()
        active.worker.start()  # last: it may call back at once

    def _saved_pose(self) -> tuple[FloatArray, FloatArray] | None:
        config = self.config
        if not config.start_from_pose_file:
            return None
        if not config.pose_file:
            raise ConfigError(expected("pose_file", "a file to start from", "''"))
        return load_pose(Path(config.pose_file).expanduser(), config.map, config.map_frame)

    def _make_active(self) -> Active:
        assert self._localizer is not None
        config = self.config
        session = make_session(self._localizer, config)
        if self._start_pose is not None:
            session.set_pose(*self._start_pose)
            self._start_pose = None  # later activations find the robot elsewhere
        transforms = TransformReader(self)
        odometry = make_odometry(config, transforms)
        buffer = odometry if isinstance(odometry, OdometryBuffer) else None
        inputs = Inputs(
            self, config, self._faults, buffer, self._say_odometry, session.set_pose
        )
        stages = Stages(
            inputs, transforms, odometry, session, self._localizer, self._outputs,
            MapBroadcaster(self, config.map_frame),
        )
        worker = Worker(
            self, stages, self._faults, lambda: self.config,
            self._answering.on_outcome, self._on_jump_back, lambda: self._answering.is_paused,
        )
        self._jump_handle = self.get_clock().create_jump_callback(
            JumpThreshold(min_forward=None, min_backward=_JUMP_BACK), post_callback=self._on_jump
        )
        self._say(session.standing)
        return Active(stages, worker, Smoother(), self._make_timers(config))

    def _make_timers(self, config: LocalizerNodeConfig) -> tuple[Any, ...]:
        """On the steady clock: a stopped or jumping /clock must not stop them."""
        periods = [(TICK_NS * 1e-9, self._tick), (DIAGNOSTICS_S, self._diagnose)]
        if config.odometry != "none":
            periods.append((1.0 / config.tf_rate, self._broadcast))
        return tuple(self.create_timer(s, call, clock=self._steady) for s, call in periods)

    def _stop(self, active: Active) -> None:
        self._active = None
        active.worker.stop()
        self._outputs.forget_pose()
        self._jump_handle.unregister()
        for timer in active.timers:
            self.destroy_timer(timer)
        active.stages.inputs.close()
        active.stages.transforms.close()
        self._answering.give_up("the node was deactivated")

    def _broadcast(self) -> None:
        config, active = self.config, self._active
        pose = active and active.stages.session.map_from_odom
        now = self.get_clock().now().nanoseconds
        if active is None or pose is None or now == 0 or not config.publish_tf:
            return
        stamp = now + round(config.transform_tolerance * 1e9)
        newest = active.stages.odometry.newest if config.tf_smoothing else None
        pose = active.smoother.follow(pose, newest, time.monotonic(), config)
        active.stages.broadcaster.send(pose, config.odom_frame, stamp)

    def _say_odometry(self, sample: Odometry, message: OdometryMessage) -> None:
        """The belief carried by the sample; for each one, so it must be quick."""
        session = self._session()
        if session is None or not self._outputs.wants_odometry():
            return
        found = session.pose_at(sample) if session.standing.state in _KNOWN else None
        if found is not None:
            self._outputs.publish_odometry(*found, message, self.config.map_frame)

    def _tick(self) -> None:
        self._answering.check_deadlines()
        now = self.get_clock().now().nanoseconds
        active = self._active
        if active is None or now == 0:
            return
        stages = active.stages
        stages.session.tick(now, stages.odometry.newest, stages.inputs.image_came_ns)
        standing = self._standing(stages.session)
        if self._outputs.is_news(standing):
            self._say_aged(stages.session, standing)

    def _diagnose(self) -> None:
        """Once a second. While LOST the status is said anew, as its spread grows."""
        active = self._active
        if active is not None and active.stages.session.standing.state is State.LOST:
            self._say_aged(active.stages.session, self._standing(active.stages.session))
        self._outputs.publish_diagnostics()

    def _on_jump(self, jump: TimeJump) -> None:
        self._on_jump_back()

    def _on_jump_back(self) -> None:
        """Nothing that was measured before the clock was set back means anything now.

        Comes from the executor's thread (the clock) and from the worker's (stamps of images).
        """
        active = self._active
        if active is None:
            return
        stages = active.stages
        stages.inputs.clear()  # first: what is taken up after the reset is of the new time
        stages.session.reset(Reason.CLOCK_JUMP)
        self._outputs.forget_pose()
        stages.odometry.clear()
        active.smoother.forget()
        stages.transforms.clear()
        active.worker.forget_stamps()
        self._faults.say(Reason.CLOCK_JUMP.value, "time jumped back: starting anew")
        self._say(stages.session.standing)

    def _adjust(self, config: LocalizerNodeConfig) -> None:
        if isinstance(self._localizer, Localizer):
            self._localizer.method = config.method
        session = self._session()
        if session is not None:
            session.adjust(config.tracking, config.motion, config.method)

    def _session(self) -> Session | None:
        active = self._active
        return None if active is None else active.stages.session

    def _standing(self, session: Session) -> Standing:
        paused = {"reason": Reason.PAUSED.value} if self._answering.is_paused else {}
        return replace(session.standing, **paused)

    def _say_aged(self, session: Session, standing: Standing) -> None:
        now = self.get_clock().now().nanoseconds
        values = {"stamp": now, "fix_age_s": standing.fix_age_s(now), **spreads_of(session)}
        self._outputs.publish_aged(standing, values)

    def _say_idle(self, reason: str, detail: str = "") -> None:
        self._say(Standing(reason=reason), detail=detail)

    def _say(self, standing: Standing, **values: object) -> None:
        """A status that is not of a frame: its stamp is now."""
        now = self.get_clock().now().nanoseconds
        self._outputs.publish_status(standing, {"stamp": now, **values})


def main() -> int:
    """The executable."""
    return run(LocalizerNode)


if __name__ == "__main__":
    sys.exit(main())
