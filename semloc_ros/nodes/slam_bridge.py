"""The node `slam_bridge`: a SLAM such as ORB-SLAM3 beside the localizer.

    ros2 run semloc_ros slam_bridge --ros-args -p body_frame:=camera_optical \\
        -r slam:=/orb_slam3/pose -r image:=/camera/image_raw -r mask:=/dynamic_segmenter/mask

From the SLAM's poses and the localizer's: where the SLAM's frame lies in the map, and odometry in
metres on which the localizer can run. From masks and images: images without what moves, for the
SLAM. A lifecycle node.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import JumpThreshold, TimeJump
from rclpy.duration import Duration
from std_srvs.srv import Trigger

from semloc_ros.config import SlamBridgeNodeConfig
from semloc_ros.errors import ConfigError, expected
from semloc_ros.localization.serving import CLOCK_JUMP_BACK_NS
from semloc_ros.nodes.faults import Faults
from semloc_ros.nodes.lifecycle import BAD_CONFIG, UNCONFIGURED, StagedNode
from semloc_ros.nodes.parameters import NodeParameters
from semloc_ros.nodes.running import run
from semloc_ros.nodes.slam_aligning import AlignmentSide
from semloc_ros.nodes.slam_masks import MaskSide
from semloc_ros.nodes.status import DIAGNOSTICS_S, StatusTopic

ALIGNED, UNALIGNED, OFF = "ALIGNED", "UNALIGNED", "OFF"
_TICK_S = 0.2
_JUMP_BACK = JumpThreshold(
    min_forward=None, min_backward=Duration(nanoseconds=-CLOCK_JUMP_BACK_NS)
)


@dataclass(frozen=True, slots=True)
class _Active:
    """What exists only while the node is active."""

    alignment: AlignmentSide | None
    masks: MaskSide | None
    timers: tuple[Any, ...]
    jumps: Any


class SlamBridgeNode(StagedNode):
    """See the top of the file."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__("slam_bridge", **node_options)
        self._active: _Active | None = None
        self._is_configured = False
        self._options = NodeParameters(self, SlamBridgeNodeConfig, lambda: self._is_configured)
        self._faults = Faults(self)
        self._status = StatusTopic(self)
        self._said = ("", "")
        self.create_service(Trigger, "~/reset", self._reset)
        self._say_idle(UNCONFIGURED)
        if self.config.autostart:
            self._autostart()

    @property
    def config(self) -> SlamBridgeNodeConfig:
        """The parameters as they are now."""
        return self._options.config

    def close(self) -> None:
        """Stop; nothing is published afterwards."""
        active, self._active = self._active, None
        if active is None:
            return
        active.jumps.unregister()
        for timer in active.timers:
            self.destroy_timer(timer)
        for side in (active.alignment, active.masks):
            if side is not None:
                side.close()

    def _load(self) -> None:
        check(self.config)
        self._is_configured = True

    def _unload(self) -> None:
        self._is_configured = False

    def _begin(self) -> None:
        config, words = self.config, (self, lambda: self.config, self._faults)
        alignment = AlignmentSide(*words) if config.align else None
        masks = MaskSide(*words) if config.masks else None
        periods = [(_TICK_S, self._tick), (DIAGNOSTICS_S, self._diagnose)]
        if alignment is not None:
            periods.append((1.0 / config.tf_rate, alignment.broadcast))
        timers = tuple(self.create_timer(s, call, clock=self._steady) for s, call in periods)
        jumps = self.get_clock().create_jump_callback(_JUMP_BACK, post_callback=self._on_jump)
        self._active = _Active(alignment, masks, timers, jumps)

    def _reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        active = self._active
        if active is None or active.alignment is None:
            response.message = "slam_bridge is not active, or aligns nothing"
            return response
        active.alignment.restart()
        response.success, response.message = True, "the SLAM's frame is searched for anew"
        return response

    def _on_jump(self, _: TimeJump) -> None:
        """Nothing that was measured before the clock was set back means anything now."""
        active = self._active
        if active is None:
            return
        for side in (active.alignment, active.masks):
            if side is not None:
                side.forget()
        self._faults.say("clock_jump", "time jumped back: starting anew")

    def _tick(self) -> None:
        """The status, when its word changes."""
        said, level, values = self._standing()
        if said != self._said:
            self._say(said, level, values)

    def _diagnose(self) -> None:
        """Once a second; the ages and counts grow."""
        if self._active is not None:
            self._say(*self._standing())
        self._status.publish_diagnostics()

    def _standing(self) -> tuple[tuple[str, str], bytes, dict[str, object]]:
        """State and reason, level, and values."""
        active = self._active
        if active is None:
            return self._said, DiagnosticStatus.WARN, {}
        values: dict[str, object] = {} if active.masks is None else dict(active.masks.values)
        if active.alignment is None:
            return (OFF, "no_alignment"), DiagnosticStatus.OK, values
        found = active.alignment.standing()
        values = {"detail": found.detail, **found.values, **values}
        state = ALIGNED if found.is_aligned else UNALIGNED
        level = DiagnosticStatus.OK if found.is_aligned else DiagnosticStatus.WARN
        return (state, found.reason), level, values

    def _say_idle(self, reason: str, detail: str = "") -> None:
        level = DiagnosticStatus.ERROR if reason == BAD_CONFIG else DiagnosticStatus.WARN
        self._say((UNALIGNED, reason), level, {"detail": detail})

    def _say(self, said: tuple[str, str], level: bytes, values: dict[str, object]) -> None:
        self._said = said
        named = {"state": said[0], "reason": said[1]}
        now = self.get_clock().now().nanoseconds
        self._status.publish(level, ": ".join(said), {**named, "stamp": now, **values})


def check(config: SlamBridgeNodeConfig) -> None:
    """Raises ConfigError for frames that cannot be."""
    if not config.align:
        return
    if not config.body_frame:
        raise ConfigError(expected("body_frame", "the frame of what the SLAM's poses are of", "''"))
    if config.slam_frame in ("", config.map_frame, config.odom_frame):
        wanted = f"a name of its own, not {config.map_frame} or {config.odom_frame}"
        raise ConfigError(expected("slam_frame", wanted, repr(config.slam_frame)))
    if config.body_frame == config.base_frame and not config.alignment.known_scale:
        wanted = "the camera's frame while alignment.known_scale is false"
        raise ConfigError(expected("body_frame", wanted, config.body_frame))


def main() -> int:
    """The executable."""
    return run(SlamBridgeNode)


if __name__ == "__main__":
    sys.exit(main())
