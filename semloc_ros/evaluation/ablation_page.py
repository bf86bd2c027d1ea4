"""The page of an ablation: one table of variants and conditions, and what is no chance in it."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from semloc_ros.evaluation.ablation import Variant, rows_of
from semloc_ros.evaluation.metrics import recall_words
from semloc_ros.evaluation.page import number, table, write_page
from semloc_ros.evaluation.verdict import short

_TITLE = "What each part buys"


def write_ablation(
    path: Path, variants: Sequence[Variant], pages: Mapping[str, str] | None = None
) -> None:
    """Write the page; `pages` are addresses of the variants' own reports, by name."""
    links = "".join(
        f'<li><a href="{html.escape(page)}">{html.escape(name)}</a></li>'
        for name, page in (pages or {}).items()
    )
    reports = f"<h2>Reports</h2><ul>{links}</ul>" if links else ""
    write_page(path, _TITLE, [*_sections(variants), reports])


def ablation_sections(variants: Sequence[Variant]) -> list[str]:
    """The same as sections of another page, under a heading; none without variants."""
    return [f"<h2>{_TITLE}</h2>", *_sections(variants)] if variants else []


def _sections(variants: Sequence[Variant]) -> list[str]:
    first = html.escape(variants[0].name)
    return [
        f"<p>{html.escape(explained(variants))}</p>",
        table(*side_by_side(variants)),
        f"<h2>Beside {first}, frame by frame</h2>{_changes(variants)}",
        "<h2>What each variant is</h2>" + _settings(variants),
    ]


def explained(variants: Sequence[Variant]) -> str:
    """How the cells of `side_by_side` are to be read."""
    keys = _recalls(variants)
    return (
        f"Each cell: frames with a fix within {', '.join(recall_words(key) for key in keys)}, in % "
        "of all frames; below it frames with a fix, the median error of these, and false fixes."
    )


def side_by_side(variants: Sequence[Variant]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the one table: a row by variant, a column by condition."""
    rows, keys = rows_of(variants), _recalls(variants)
    conditions = list(dict.fromkeys(name for row in rows.values() for name in row))
    cells = [
        [name, *(_cell(row.get(condition), keys) for condition in conditions)]
        for name, row in rows.items()
    ]
    return ["", *conditions], cells


def _recalls(variants: Sequence[Variant]) -> list[str]:
    return [key for key in variants[0].metrics["all"] if key.startswith("recall_")]


def _cell(numbers: Mapping[str, Any] | None, keys: Sequence[str]) -> str:
    if numbers is None:
        return number(None)
    recalls = " / ".join(short(100 * numbers[key]) for key in keys)
    error = numbers["position_median_m"]
    middle = "no error known" if error is None else f"{short(100 * error)} cm"
    return f"{recalls}\n{short(100 * numbers['availability'])} % fixes, {middle}, {_false(numbers)}"


def _false(numbers: Mapping[str, Any]) -> str:
    count = numbers["false_fixes"]
    return f"{count} false" if count else "none false"


def _changes(variants: Sequence[Variant]) -> str:
    rows = [
        [
            one.name, change.key, number(change.baseline), number(change.now),
            str(change.frames), f"{change.probability:.2g}", change.word,
        ]
        for one in variants
        for change in one.changes
        if change.is_significant or change.is_worse
    ]  # fmt: skip
    if not rows:
        return "<p>Nothing that differs from it by more than chance.</p>"
    return table(["", "number", variants[0].name, "with it", "frames", "p", ""], rows)


def _settings(variants: Sequence[Variant]) -> str:
    rows = [
        [one.name, ", ".join(f"{key}={value}" for key, value in one.settings.items()) or "as given"]
        for one in variants
    ]
    return table(["", "parameters"], rows)
