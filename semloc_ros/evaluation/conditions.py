"""Several runs judged together: each a condition by its name, and all of them as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semloc_ros.config import EvaluationConfig
from semloc_ros.evaluation.judging import Judged, judge
from semloc_ros.evaluation.predictions import Run, load_run
from semloc_ros.evaluation.running import read_about, run_folders


@dataclass(frozen=True, slots=True)
class Condition:
    """One run: where its predictions lie, what they are, and run.json."""

    name: str
    folder: Path
    run: Run
    judged: Judged
    about: Mapping[str, Any]


def load_conditions(folder: Path, config: EvaluationConfig) -> list[Condition]:
    """The condition of a folder of predictions, or those of its folders, judged.

    Raises DatasetError naming the file that is missing or wrong.
    """
    found = []
    for name, path in run_folders(folder).items():
        about = read_about(path)
        frames = (str(about.get("map_frame", "map")), str(about.get("odom_frame", "odom")))
        run = load_run(path, *frames)
        found.append(Condition(name, path, run, judge(run, config), about))
    return found


def pool(parts: Sequence[Judged]) -> Judged:
    """All poses and frames of several runs, as if they were one."""
    starts = np.cumsum([0, *(len(part.position_m) for part in parts)])
    fixes = [
        np.where(part.fix_of_frame >= 0, part.fix_of_frame + start, -1)
        for part, start in zip(parts, starts[:-1], strict=True)
    ]

    def joined(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])

    return Judged(
        truth=joined("truth"),
        position_m=joined("position_m"),
        rotation_deg=joined("rotation_deg"),
        nees=joined("nees"),
        latency_ms=joined("latency_ms"),
        pose_states=tuple(state for part in parts for state in part.pose_states),
        claimed=joined("claimed"),
        fix_of_frame=np.concatenate(fixes),
        frame_states=tuple(state for part in parts for state in part.frame_states),
        tf_position_m=joined("tf_position_m"),
        tf_rotation_deg=joined("tf_rotation_deg"),
    )
