"""One self-contained HTML file about a run: figures inside, no script, no network."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from semloc_ros.evaluation import figures
from semloc_ros.evaluation.goals import Outcome
from semloc_ros.evaluation.judging import Judged
from semloc_ros.evaluation.page import all_numbers, figure_grid, number, table, write_page
from semloc_ros.evaluation.predictions import Run
from semloc_ros.types import FloatArray

_WORST = 10
_DEG_PER_M = 5.0
_DPI = 150


def write_report(
    path: Path,
    title: str,
    run: Run,
    judged: Judged,
    metrics: Mapping[str, Any],
    outcomes: Sequence[Outcome] = (),
    points_map: FloatArray | None = None,
    more: Sequence[str] = (),
) -> None:
    """Write the report of a run; `points_map` (P, 3) is drawn under the trajectory, `more` are
    sections of HTML that come before the worst frames."""
    drawn = draw(run, judged, points_map)
    sections = [
        _summary(metrics, outcomes),
        _grid(drawn),
        *more,
        _worst(run, judged),
        all_numbers(metrics),
    ]
    write_page(path, title, sections)


def write_figures(folder: Path, run: Run, judged: Judged, points_map: FloatArray | None) -> None:
    """Write the same figures as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (_, figure) in draw(run, judged, points_map).items():
        figure.savefig(folder / f"{name}.png", dpi=_DPI)


def draw(
    run: Run, judged: Judged, points_map: FloatArray | None
) -> dict[str, tuple[str, Figure]]:
    """All figures by name, each with its heading, in the order of the report."""
    first = figures.trajectory(run, judged, points_map)
    drawn = {"trajectory": ("Path over the map, seen from above", first)}
    for name, (heading, make) in figures.FIGURES.items():
        drawn[name] = (heading, make(run, judged))
    return drawn


def _summary(metrics: Mapping[str, Any], outcomes: Sequence[Outcome]) -> str:
    missed = [one for one in outcomes if not one.ok]
    verdict = ""
    if outcomes:
        words = "all goals kept" if not missed else f"{len(missed)} of {len(outcomes)} goals missed"
        verdict = f'<p class="verdict {"ok" if not missed else "bad"}">{words}</p>'
    frames = f"{metrics['fixes']} of {metrics['frames']} query frames have a fix."
    tiles = "".join(_tile(one) for one in outcomes)
    return f'{verdict}<p>{frames}</p><div class="tiles">{tiles}</div>'


def _tile(one: Outcome) -> str:
    word = "ok" if one.ok else "bad"
    return (
        f'<div class="tile {word}"><span class="label">{html.escape(one.goal.label)}</span>'
        f"<strong>{html.escape(one.shown)}</strong>"
        f'<span class="goal">{word} · goal {html.escape(one.wanted)}</span></div>'
    )


def _grid(drawn: Mapping[str, tuple[str, Figure]]) -> str:
    panels = dict(drawn.values())
    first = dict(list(panels.items())[:2])
    rest = {heading: figure for heading, figure in panels.items() if heading not in first}
    return figure_grid(first, wide=True) + figure_grid(rest)


def _worst(run: Run, judged: Judged) -> str:
    """The worst frames: some of those without a fix, then those of the largest error."""
    position = judged.per_frame(judged.position_m)
    rotation, nees = judged.per_frame(judged.rotation_deg), judged.per_frame(judged.nees)
    said = {status.stamp_ns: status for status in reversed(run.statuses)}
    rows = []
    for frame in worst_frames(position, rotation):
        status = said.get(int(run.frames_ns[frame]))
        seconds = (run.frames_ns[frame] - run.frames_ns[0]) * 1e-9
        cells = [
            f"{seconds:.2f}",
            judged.frame_states[frame],
            number(position[frame] * 100),
            number(rotation[frame]),
            number(nees[frame]),
            status.values.get("inliers", "") if status else "",
            status.reason if status else "not taken: busy, or the image was lost",
        ]
        rows.append(cells)
    header = ["time (s)", "state", "position (cm)", "rotation (deg)", "NEES", "inliers", "reason"]
    return "<h2>Worst frames</h2>" + table(header, rows)


def worst_frames(position_m: FloatArray, rotation_deg: FloatArray) -> list[int]:
    """Rows of frames: at most half a table of those without a fix, and the largest errors, a
    metre counting as five degrees: a robot that faces the wrong way is not fine where it is."""
    errors = np.fmax(position_m, rotation_deg / _DEG_PER_M)
    missing = np.flatnonzero(np.isnan(errors))
    if len(missing) > _WORST // 2:  # from all over the run
        missing = missing[np.linspace(0, len(missing) - 1, _WORST // 2).astype(int)]
    by_error = np.argsort(-np.nan_to_num(errors, nan=-1.0), kind="stable")
    found = [frame for frame in by_error if not np.isnan(errors[frame])]
    return [*map(int, missing), *map(int, found[: _WORST - len(missing)])]
