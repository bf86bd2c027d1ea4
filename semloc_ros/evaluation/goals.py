"""Goals: a bound on a metric, and whether a run kept it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Goal:
    """`low` ≤ metric ≤ `high`; `scale` and `unit` say how it is shown (0.012 m as 12 mm)."""

    key: str
    label: str
    low: float | None = None
    high: float | None = None
    scale: float = 1.0
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A goal beside what was reached, as it is printed."""

    goal: Goal
    ok: bool
    shown: str
    wanted: str


def check_goals(metrics: Mapping[str, Any], goals: Iterable[Goal]) -> list[Outcome]:
    """Each goal beside its metric; a metric that is absent or undefined keeps no goal."""
    return [_outcome(goal, metrics.get(goal.key)) for goal in goals]


def show(value: float | None, goal: Goal) -> str:
    """A value with the scale and unit of its goal."""
    return "none" if value is None else f"{value * goal.scale:.3g} {goal.unit}".rstrip()


def _outcome(goal: Goal, value: float | None) -> Outcome:
    kept = value is not None
    if value is not None:
        above = goal.low is None or value >= goal.low
        below = goal.high is None or value <= goal.high
        kept = above and below
    return Outcome(goal, kept, show(value, goal), _wanted(goal))


def _wanted(goal: Goal) -> str:
    if goal.low is not None and goal.high is not None:
        return f"{goal.low * goal.scale:.3g} to {show(goal.high, goal)}"
    if goal.low is not None:
        return f"≥ {show(goal.low, goal)}"
    return f"≤ {show(goal.high, goal)}"
