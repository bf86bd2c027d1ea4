"""`semloc evaluate --ablate`: variants of the localizer, side by side."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.config import EvaluateConfig
from semloc_ros.errors import ConfigError, expected

if TYPE_CHECKING:
    from semloc_ros.evaluation.ablation import Settings, Variant

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")  # it names a folder


def parse_variants(words: Sequence[str]) -> dict[str, Settings]:
    """By name what each variant changes, of `pnp,auto,no_masks` and `NAME=PARAMETER=VALUE,…`."""
    from semloc_ros.evaluation.ablation import PARTS

    found: dict[str, Settings] = {}
    for word in words:
        name, equals, rest = word.partition("=")
        named = {name: _settings(name, rest)} if equals else _short(word, PARTS)
        for one, settings in named.items():
            if one in found:
                raise ConfigError(expected("--ablate", "variants of different names", repr(one)))
            found[one] = settings
    if len(found) == 1:
        raise ConfigError(expected("--ablate", "two variants or more", next(iter(found))))
    return found


def _settings(name: str, text: str) -> Settings:
    if not _NAME.fullmatch(name):
        raise ConfigError(expected("--ablate", "a name of letters and digits", repr(name)))
    assignments = text.split(",")
    if not all("=" in one for one in assignments):
        raise ConfigError(expected("--ablate", "NAME=PARAMETER=VALUE,…", f"{name}={text}"))
    return parse_assignments(assignments)


def _short(word: str, parts: Mapping[str, Settings]) -> dict[str, Settings]:
    for name in word.split(","):
        if name not in parts:
            wanted = f"{', '.join(parts)} or NAME=PARAMETER=VALUE"
            raise ConfigError(expected("--ablate", wanted, repr(name)))
    return {name: parts[name] for name in word.split(",")}


def show_variants(
    variants: Sequence[Variant], options: EvaluateConfig, out: Path, report: bool, console: Console
) -> None:
    """Write metrics.json, print the table, and write report.html and one page by variant."""
    from semloc_ros.evaluation.ablation import ablation_metrics
    from semloc_ros.evaluation.metrics import write_metrics

    write_metrics(ablation_metrics(variants), out / "metrics.json")
    _print(variants, console)
    if report:
        _write_pages(variants, options, out, console)


def _write_pages(
    variants: Sequence[Variant], options: EvaluateConfig, out: Path, console: Console
) -> None:
    from semloc_ros.evaluation.ablation_page import write_ablation
    from semloc_ros.evaluation.overview import write_overview

    pages = {}
    for one in variants:
        pages[one.name] = f"report_{one.name}.html"
        points = _points(options.map, one.settings)
        write_overview(out / pages[one.name], one.conditions, one.metrics, points, one.changes)
    write_ablation(out / "report.html", variants, pages)
    console.print(f"report: {out / 'report.html'}")


def _points(map_: str, settings: Settings) -> Any:
    from semloc_ros.maps.storage import load_map

    path = str(settings.get("map", map_))
    return load_map(Path(path).expanduser(), verify=False).points_map if path else None


def _print(variants: Sequence[Variant], console: Console) -> None:
    from semloc_ros.evaluation.ablation_page import explained, side_by_side

    header, rows = side_by_side(variants)
    table = Table(box=None)
    for heading in header:
        table.add_column(heading)
    for row in rows:
        table.add_row(*(cell.replace(", ", "\n") for cell in row))
    console.print(table)
    console.print(explained(variants))
    for one in variants:
        for change in one.changes:
            if change.is_significant or change.is_worse:
                console.print(
                    f"{one.name}: {change.key} {change.baseline:.4g} → {change.now:.4g}"
                    f" ({change.frames} frames, p = {change.probability:.2g})"
                )
