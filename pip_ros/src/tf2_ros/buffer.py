"""The buffer that nodes use: the tree of frames, waiting lookups and clearing on time jumps."""

import time as steady
from collections.abc import Callable

import tf2_py
from geometry_msgs.msg import TransformStamped
from rclpy.clock import JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.task import Future
from rclpy.time import Time

from tf2_ros.buffer_interface import BufferInterface

NO_WAIT = Duration()
JUMP_BACK = Duration(seconds=-1)


class Buffer(tf2_py.BufferCore, BufferInterface):
    """Stores transforms and answers lookups; with a node, a jump of its clock clears it."""

    def __init__(self, cache_time: Duration | None = None, node: Node | None = None) -> None:
        """`cache_time` is how far back transforms are kept, 10 s unless given."""
        tf2_py.BufferCore.__init__(self, cache_time)
        BufferInterface.__init__(self)
        self._waiting: list[Callable[[], None]] = []
        if node is not None:
            self.clock = node.get_clock()
            threshold = JumpThreshold(
                min_forward=None, min_backward=JUMP_BACK, on_clock_change=True
            )
            self.jump_handle = self.clock.create_jump_callback(
                threshold, post_callback=self.time_jump_callback
            )

    def time_jump_callback(self, time_jump: TimeJump) -> None:
        """Forget what was stored in the time before a jump."""
        get_logger("tf2_buffer").warning("the clock jumped: the transform buffer is cleared")
        self.clear()

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Store a transform that holds at its stamp."""
        super().set_transform(transform, authority)
        self._resume_waiting()

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Store a transform that holds at any time."""
        super().set_transform_static(transform, authority)
        self._resume_waiting()

    def lookup_transform(
        self, target_frame: str, source_frame: str, time: Time, timeout: Duration = NO_WAIT
    ) -> TransformStamped:
        """The transform that takes coordinates in the source frame to the target frame.

        Time zero means the newest common time. Waits up to `timeout` for data, which must arrive in
        another thread. Raises a TransformException.
        """
        self.can_transform(target_frame, source_frame, time, timeout)
        return self.lookup_transform_core(target_frame, source_frame, time)

    def lookup_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = NO_WAIT,
    ) -> TransformStamped:
        """As lookup_transform, from one time to another by a frame at rest between both."""
        query = (target_frame, target_time, source_frame, source_time, fixed_frame)
        self.can_transform_full(*query, timeout)
        return self.lookup_transform_full_core(*query)

    def can_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Time,
        timeout: Duration = NO_WAIT,
        return_debug_tuple: bool = False,
    ) -> bool | tuple[bool, str]:
        """Whether the lookup succeeds, within `timeout`; with the reason where asked for."""

        def check() -> tuple[bool, str]:
            return self.can_transform_core(target_frame, source_frame, time)

        answer = self._wait_for(check, timeout)
        return answer if return_debug_tuple else answer[0]

    def can_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = NO_WAIT,
        return_debug_tuple: bool = False,
    ) -> bool | tuple[bool, str]:
        """Whether the full lookup succeeds, within `timeout`; with the reason where asked for."""
        query = (target_frame, target_time, source_frame, source_time, fixed_frame)
        answer = self._wait_for(lambda: self.can_transform_full_core(*query), timeout)
        return answer if return_debug_tuple else answer[0]

    def wait_for_transform_async(self, target_frame: str, source_frame: str, time: Time) -> Future:
        """A future of the transform, done as soon as the lookup succeeds."""
        query = (target_frame, source_frame, time)
        return self._future(self.can_transform_core, self.lookup_transform_core, query)

    def wait_for_transform_full_async(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
    ) -> Future:
        """A future of the transform between two times, done as soon as the lookup succeeds."""
        query = (target_frame, target_time, source_frame, source_time, fixed_frame)
        return self._future(self.can_transform_full_core, self.lookup_transform_full_core, query)

    async def lookup_transform_async(
        self, target_frame: str, source_frame: str, time: Time
    ) -> TransformStamped:
        """As lookup_transform, awaiting the data."""
        return await self.wait_for_transform_async(target_frame, source_frame, time)

    async def lookup_transform_full_async(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
    ) -> TransformStamped:
        """As lookup_transform_full, awaiting the data."""
        query = (target_frame, target_time, source_frame, source_time, fixed_frame)
        return await self.wait_for_transform_full_async(*query)

    def _wait_for(self, check: Callable[[], tuple[bool, str]], timeout: Duration) -> tuple:
        """The answer of `check`, tried again at new data until it is yes or time is up."""
        answer = check()
        if answer[0] or timeout.nanoseconds <= 0:
            return answer
        deadline = steady.monotonic() + timeout.nanoseconds * 1e-9
        with self._changed:
            while not (answer := check())[0]:
                remaining = deadline - steady.monotonic()
                if remaining <= 0.0:
                    break
                self._changed.wait(remaining)
        return answer

    def _future(self, can: Callable, lookup: Callable, query: tuple) -> Future:
        future = Future()

        def try_now() -> None:
            if not future.done() and can(*query)[0]:
                future.set_result(lookup(*query))

        with self._changed:
            try_now()
            if not future.done():
                self._waiting.append(try_now)
                future.add_done_callback(lambda _: self._forget(try_now))
        return future

    def _resume_waiting(self) -> None:
        if not self._waiting:
            return
        with self._changed:
            for resume in tuple(self._waiting):
                resume()

    def _forget(self, resume: Callable[[], None]) -> None:
        with self._changed:
            if resume in self._waiting:
                self._waiting.remove(resume)
