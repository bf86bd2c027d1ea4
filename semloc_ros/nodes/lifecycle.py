"""The lifecycle of nodes that read files in configure and work while they are active: a node adds
how it loads, begins, ends, and says that it does not work."""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from semloc_ros.errors import ConfigError, SemlocError

UNCONFIGURED, INACTIVE, BAD_CONFIG = "unconfigured", "inactive", "bad_config"


class StagedNode(LifecycleNode, ABC):  # type: ignore[misc]
    """A subclass calls `_autostart` at the end of its constructor if it is to start by itself."""

    bad_file = "bad_file"  # the reason that is said when a file does not do

    def __init__(self, name: str, **node_options: Any) -> None:
        super().__init__(name, **node_options)
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)

    @abstractmethod
    def _load(self) -> None:
        """Read files; SemlocError is a failed transition with one line."""

    @abstractmethod
    def _unload(self) -> None:
        """Forget what was read."""

    @abstractmethod
    def _begin(self) -> None:
        """Subscribe and work; nothing expected fails here."""

    @abstractmethod
    def close(self) -> None:
        """Stop working, if it does; nothing is published afterwards."""

    @abstractmethod
    def _say_idle(self, reason: str, detail: str = "") -> None:
        """Publish that the node does not work, and why."""

    def _reason_of(self, error: SemlocError) -> str:
        """The reason that is said when a file does not do."""
        return self.bad_file

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read the files; a bad one is a failed transition with one line."""
        try:
            self._load()
        except SemlocError as error:
            self.get_logger().error(f"configure failed: {error}")
            bad_config = isinstance(error, ConfigError)
            self._say_idle(BAD_CONFIG if bad_config else self._reason_of(error), str(error))
            self._unload()
            return TransitionCallbackReturn.FAILURE
        except Exception:
            self._log_bug()
            raise
        self._say_idle(INACTIVE)
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe and start working."""
        try:
            self._begin()
        except Exception:
            self._log_bug()
            raise
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop working and unsubscribe."""
        self.close()
        self._say_idle(INACTIVE)
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free what was read."""
        self._unload()
        self._say_idle(UNCONFIGURED)
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop whatever runs."""
        self.close()
        self._unload()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """After a bug in a transition: back to unconfigured."""
        self.close()
        self._unload()
        self._say_idle(UNCONFIGURED)
        return super().on_error(state)

    def _autostart(self) -> None:
        """Configure and activate from the executor, as soon as it runs."""
        self._starter = self.create_timer(0.0, self._start, clock=self._steady)

    def _start(self) -> None:
        self.destroy_timer(self._starter)
        configured = self.trigger_configure() == TransitionCallbackReturn.SUCCESS
        if configured and self.context.ok():  # reading files may outlast the user's patience
            self.trigger_activate()

    def _log_bug(self) -> None:
        """rclpy swallows what a transition raises."""
        if self.context.ok():
            self.get_logger().error(traceback.format_exc())
