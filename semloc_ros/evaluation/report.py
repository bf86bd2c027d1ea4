"""One self-contained HTML file about a run: figures inside, no script, no network."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from semloc_ros.evaluation import figures
from semloc_ros.evaluation.goals import Outcome
from semloc_ros.evaluation.judging import Judged
from semloc_ros.evaluation.predictions import Run
from semloc_ros.types import FloatArray

_WORST = 10
_DPI = 150


def write_report(
    path: Path,
    title: str,
    run: Run,
    judged: Judged,
    metrics: Mapping[str, Any],
    outcomes: Sequence[Outcome] = (),
    points_map: FloatArray | None = None,
) -> None:
    """Write the report of a run; `points_map` (P, 3) is drawn under the trajectory."""
    drawn = draw(run, judged, points_map)
    sections = [
        _summary(metrics, outcomes),
        _grid(drawn),
        _worst(run, judged),
        _all_numbers(metrics),
    ]
    page = _PAGE.format(title=html.escape(title), style=_STYLE, body="\n".join(sections))
    path.write_text(page, encoding="utf-8")


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
    panels = [
        f"<figure><figcaption>{html.escape(heading)}</figcaption>"
        f'<img alt="{html.escape(heading)}" src="{_inline(figure)}"></figure>'
        for heading, figure in drawn.values()
    ]
    wide, narrow = "".join(panels[:2]), "".join(panels[2:])
    return f'<div class="grid wide">{wide}</div><div class="grid">{narrow}</div>'


def _inline(figure: Figure) -> str:
    """The figure as a data address: SVG, its text still text, the point cloud as pixels."""
    file = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "report", "savefig.dpi": _DPI}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode()


def _worst(run: Run, judged: Judged) -> str:
    """The worst frames: some of those without a fix, then those of the largest error."""
    position = judged.per_frame(judged.position_m)
    rotation, nees = judged.per_frame(judged.rotation_deg), judged.per_frame(judged.nees)
    said = {status.stamp_ns: status for status in reversed(run.statuses)}
    rows = []
    for frame in _worst_frames(position):
        status = said.get(int(run.frames_ns[frame]))
        seconds = (run.frames_ns[frame] - run.frames_ns[0]) * 1e-9
        cells = [
            f"{seconds:.2f}",
            judged.frame_states[frame],
            _number(position[frame] * 100),
            _number(rotation[frame]),
            _number(nees[frame]),
            status.values.get("inliers", "") if status else "",
            status.reason if status else "not taken: busy, or the image was lost",
        ]
        rows.append(cells)
    header = ["time (s)", "state", "position (cm)", "rotation (deg)", "NEES", "inliers", "reason"]
    return "<h2>Worst frames</h2>" + _table(header, rows)


def _worst_frames(position_m: FloatArray) -> list[int]:
    """Rows: at most half a table of those without a fix, and the largest errors."""
    missing = np.flatnonzero(np.isnan(position_m))[: _WORST // 2]
    by_error = np.argsort(-np.nan_to_num(position_m, nan=-1.0), kind="stable")
    found = [frame for frame in by_error if not np.isnan(position_m[frame])]
    return [*map(int, missing), *map(int, found[: _WORST - len(missing)])]


def _all_numbers(metrics: Mapping[str, Any]) -> str:
    rows = []
    for key, value in metrics.items():
        parts = value.items() if isinstance(value, Mapping) else [("", value)]
        rows += [[f"{key} {name}".rstrip(), _number(number)] for name, number in parts]
    table = _table(["metric", "value"], rows)
    return f"<details><summary>All numbers</summary>{table}</details>"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    lines = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _number(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.4g}"


_STYLE = """
:root { --ink: #1c2430; --soft: #5d6878; --line: #dfe3e9; --ok: #1f7a45; --bad: #b3261e; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 1180px; color: var(--ink); background: #fff;
  font: 16px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: .2rem 0 .6rem; } h2 { font-size: 1.15rem; margin: 1.6rem 0 .5rem; }
.verdict { font-weight: 600; font-size: 1.1rem; margin: 0; }
.verdict.ok { color: var(--ok); } .verdict.bad { color: var(--bad); }
.tiles { display: grid; gap: .6rem; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
.tile { border: 1px solid var(--line); border-left: 5px solid var(--ok); border-radius: 6px;
  padding: .5rem .7rem; display: flex; flex-direction: column; }
.tile.bad { border-left-color: var(--bad); } .tile.bad strong { color: var(--bad); }
.tile strong { font-size: 1.25rem; }
.tile .label, .tile .goal { color: var(--soft); font-size: .82rem; }
.grid { display: grid; gap: 1rem; margin-top: 1rem; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr)); }
.grid.wide { grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); }
figure { margin: 0; border: 1px solid var(--line); border-radius: 6px; padding: .6rem; }
figcaption { font-weight: 600; margin-bottom: .3rem; } img { width: 100%; height: auto; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .88rem; }
th, td { padding: .3rem .7rem .3rem 0; text-align: left; white-space: nowrap;
  border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
summary { cursor: pointer; font-weight: 600; margin: 1.4rem 0 .5rem; }
"""

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style></head>
<body><h1>{title}</h1>
{body}
</body></html>
"""
