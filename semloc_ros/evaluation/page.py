"""Parts of a self-contained HTML page: tables, numbers, figures inside, no script, no network."""

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

_DPI = 150


def write_page(path: Path, title: str, sections: Sequence[str]) -> None:
    """Write a page of sections of HTML."""
    page = _PAGE.format(title=html.escape(title), style=_STYLE, body="\n".join(sections))
    path.write_text(page, encoding="utf-8")


def figure_grid(drawn: Mapping[str, Figure], wide: bool = False) -> str:
    """Figures by their headings, side by side where there is room."""
    panels = [
        f"<figure><figcaption>{html.escape(heading)}</figcaption>"
        f'<img alt="{html.escape(heading)}" src="{inline_figure(figure)}"></figure>'
        for heading, figure in drawn.items()
    ]
    return f'<div class="grid{" wide" if wide else ""}">{"".join(panels)}</div>'


def inline_photo(path: Path) -> str:
    """A JPEG file as a data address."""
    return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()


def inline_figure(figure: Figure) -> str:
    """The figure as a data address: SVG, its text still text, the point cloud as pixels."""
    file = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "report", "savefig.dpi": _DPI}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode()


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of texts, scrolled sideways where it is wide; what follows a line end is small."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    lines = "".join(
        "<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _cell(text: str) -> str:
    first, _, note = html.escape(text).partition("\n")
    return f"{first}<br><small>{note}</small>" if note else first


def number(value: Any) -> str:
    """Four digits; a dash for what is not known."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def all_numbers(metrics: Mapping[str, Any]) -> str:
    """Every number of a metrics.json, folded away; nested ones under joined names."""
    rows = [[name, number(value)] for name, value in _flat(metrics)]
    return f"<details><summary>All numbers</summary>{table(['metric', 'value'], rows)}</details>"


def _flat(metrics: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in metrics.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{key} ")
        elif not isinstance(value, list | tuple):
            found.append((prefix + key, value))
    return found


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
.tile.plain { border-left-color: #8a97a8; }
.tile.bad { border-left-color: var(--bad); } .tile.bad strong { color: var(--bad); }
.tile strong { font-size: 1.25rem; }
.tile .label, .tile .goal { color: var(--soft); font-size: .82rem; }
.grid { display: grid; gap: 1rem; margin-top: 1rem; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr)); }
.grid.wide { grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); }
figure { margin: 0; border: 1px solid var(--line); border-radius: 6px; padding: .6rem; }
figcaption { font-weight: 600; margin-bottom: .3rem; } img { width: 100%; height: auto; }
.grid img { display: block; margin: 0 auto; max-width: 470px; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .86rem; }
th, td { padding: .3rem .55rem .3rem 0; text-align: left; white-space: nowrap;
  border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
.worst { display: grid; gap: .8rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 220px), 1fr)); }
.worst figcaption { font-weight: 400; font-size: .82rem; margin: .3rem 0 0; }
th:first-child, td:first-child { position: sticky; left: 0; background: #fff; }
td small { color: var(--soft); font-size: .74rem; }
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
