"""How long a robot is without a good fix: at the start, in between, and after a kidnap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from semloc_ros.config import EvaluationConfig
from semloc_ros.evaluation.judging import Judged
from semloc_ros.evaluation.predictions import Run
from semloc_ros.types import FloatArray


def outages(
    run: Run, judged: Judged, config: EvaluationConfig, about: Mapping[str, Any]
) -> dict[str, Any]:
    """Time to the first fix, longest time without one, and one recovery per kidnap of run.json.

    Times in seconds of the frames' stamps, distances in metres along the true path. A run's two
    ends count as the ends of an outage; without any fix the first time is None.
    """
    stamps = run.frames_ns
    fixed = stamps[judged.fix_of_frame >= 0]
    ends = np.concatenate([stamps[:1], fixed, stamps[-1:]])
    first = float(fixed[0] - stamps[0]) * 1e-9 if len(fixed) else None
    good = stamps[_is_good(judged, config)]
    recoveries = [_recovery(run, good, int(stamp)) for stamp in about.get("kidnaps_ns", [])]
    return {
        "time_to_first_fix_s": first,
        "longest_outage_s": float(np.diff(ends).max()) * 1e-9,
        "kidnaps": len(recoveries),
        "recovered": sum(one is not None for one in recoveries),
        "recovery_max_s": _worst([one and one[0] for one in recoveries]),
        "recovery_max_m": _worst([one and one[1] for one in recoveries]),
    }


def _is_good(judged: Judged, config: EvaluationConfig) -> Any:
    """Frames (F,) whose fix is not a false one."""
    position = judged.per_frame(judged.position_m)
    rotation = judged.per_frame(judged.rotation_deg)
    return (position <= config.false_fix_m) & (rotation <= config.false_fix_deg)


def _recovery(run: Run, good_ns: Any, put_down_ns: int) -> tuple[float, float] | None:
    """Seconds and metres from when the robot was put down to its first good fix."""
    later = good_ns[good_ns >= put_down_ns]
    if len(later) == 0:
        return None
    return (int(later[0]) - put_down_ns) * 1e-9, _way(run, put_down_ns, int(later[0]))


def _way(run: Run, from_ns: int, to_ns: int) -> float:
    within = (run.truth.stamps_ns >= from_ns) & (run.truth.stamps_ns <= to_ns)
    path: FloatArray = run.truth.map_from_base[within, :3, 3]
    return float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())


def _worst(values: list[float | None]) -> float | None:
    """The largest; None if there are none, or if one of them never came."""
    known = [value for value in values if value is not None]
    return max(known) if known and len(known) == len(values) else None
