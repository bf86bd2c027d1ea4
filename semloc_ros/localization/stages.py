"""Book-keeping of one localization: wall time by stage, and refusals on their way out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from semloc_ros.types import NoPose, NoPoseReason


class Refused(Exception):
    """No pose, and why. Never leaves the localizer: it becomes a `NoPose`."""

    def __init__(
        self, reason: NoPoseReason, detail: str, num_matches: int = 0, num_inliers: int = 0
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.num_matches = num_matches
        self.num_inliers = num_inliers

    def as_value(self, stamp_ns: int, stage_ms: dict[str, float]) -> NoPose:
        """The refusal as it is returned."""
        return NoPose(
            stamp_ns, self.reason, self.detail, self.num_matches, self.num_inliers, stage_ms
        )


class Stopwatch:
    """Adds up milliseconds by stage."""

    def __init__(self) -> None:
        self.stage_ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of the block to the stage `name`, also if it is left by an error."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = 1e3 * (time.perf_counter() - start)
            self.stage_ms[name] = self.stage_ms.get(name, 0.0) + spent
