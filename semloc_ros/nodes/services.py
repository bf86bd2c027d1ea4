"""The localizer's services: search the whole map, pause, save the pose."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import SetBool, Trigger

from semloc_ros.config import LocalizerNodeConfig
from semloc_ros.errors import InputError
from semloc_ros.localization import belief as beliefs
from semloc_ros.localization.outcomes import Outcome
from semloc_ros.localization.session import Session
from semloc_ros.localization.states import Reason
from semloc_ros.nodes.saved_pose import save_pose

Answer = tuple[bool, str]
_NOT_ACTIVE = "the localizer is not active"
_UNTRIED = "no image could be tried in time"


class LocalizerServices:
    """`session()` is None while the node is not active. The waiting answer of
    ~/global_localization comes from the worker (`on_outcome`) or `check_deadlines`."""

    def __init__(
        self,
        node: Node,
        session: Callable[[], Session | None],
        config: Callable[[], LocalizerNodeConfig],
    ) -> None:
        self._node, self._session, self._config = node, session, config
        self._waiting: list[tuple[Future, float]] = []
        self._lock = threading.Lock()
        self._so_far = _UNTRIED
        self.is_paused = False
        # its answer waits for a frame; in the node's own group it would hold up all else
        waiting = ReentrantCallbackGroup()
        node.create_service(
            Trigger, "~/global_localization", self._localize_globally, callback_group=waiting
        )
        node.create_service(SetBool, "~/pause", self._pause)
        node.create_service(Trigger, "~/save_pose", self._save_pose)

    def on_outcome(self, outcome: Outcome, detail: str) -> None:
        """Answer those who wait, unless the frame's pose waits for a second one itself."""
        if outcome.is_stale:
            return
        standing = outcome.standing
        text = f"{standing.state.value}: {standing.reason}"
        text = f"{text}: {detail}" if detail else text
        if outcome.hypotheses:
            self._so_far = f"not sure in time: {text}"
            return
        self._answer((outcome.fix is not None, text))

    def check_deadlines(self) -> None:
        """Answer those who have waited too long."""
        now = time.monotonic()
        with self._lock:
            late = [future for future, deadline in self._waiting if deadline <= now]
            self._waiting = [one for one in self._waiting if one[1] > now]
        for future in late:
            future.set_result((False, self._so_far))

    def give_up(self, reason: str) -> None:
        """Answer all who wait: it will not happen."""
        self.is_paused = False
        self._answer((False, reason))

    def _answer(self, answer: Answer) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for future, _ in waiting:
            future.set_result(answer)

    async def _localize_globally(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        session = self._session()
        if session is None or self.is_paused:
            response.message = "the localizer is paused" if session else _NOT_ACTIVE
            return response
        session.reset(Reason.GLOBAL_LOCALIZATION)
        self._so_far = _UNTRIED
        future: Future = Future(executor=self._node.executor)
        with self._lock:
            self._waiting.append((future, time.monotonic() + self._config().service_timeout))
        response.success, response.message = await future
        return response

    def _pause(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        if self._session() is None:
            response.message = _NOT_ACTIVE
            return response
        self.is_paused = bool(request.data)
        response.success, response.message = True, "paused" if self.is_paused else "running"
        return response

    def _save_pose(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            response.message = self._saved(self._session())
            response.success = True
        except InputError as error:
            response.message = str(error)
        return response

    def _saved(self, session: Session | None) -> str:
        config = self._config()
        belief = session.belief if session is not None else None
        if belief is None:
            raise InputError("there is no pose to save")
        if not config.pose_file:
            raise InputError("pose_file: expected a file to write to, got ''")
        path = Path(config.pose_file).expanduser()
        spread = beliefs.covariance(belief, config.motion)
        save_pose(
            path, config.map, config.map_frame, belief.stamp_ns, belief.map_from_base, spread
        )
        return str(path)
