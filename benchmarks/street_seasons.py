"""The structure-only localizer on the street: mapped on a summer noon, queried in six conditions.

Every query image is localized by itself, without a prior, without masks and without labels. An
image that has no pose counts in every recall. The world is made with

    semloc world make street --out out/street

and is not made anew where it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from reporting import ROOT, arguments, built, errors, localize_all, report

from semloc_ros.config import LocalizerConfig, MapBuilderConfig
from semloc_ros.errors import DatasetError, expected
from semloc_ros.localization.localizer import Localizer
from semloc_ros.maps.kapture import read_kapture
from semloc_ros.types import FloatArray, PosedImage

CONDITIONS = ("summer", "autumn", "winter", "rain", "dusk", "night")
RECALLS = ((0.25, 2.0), (0.5, 5.0), (5.0, 10.0))
COLUMNS = (
    "condition", "images", "with a pose %", *(f"{m} m {d:.0f}° %" for m, d in RECALLS),
    "median cm", "median deg", "wrong %",
)  # fmt: skip


def main() -> None:
    """Build the map, localize all queries, print the table."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--world", type=Path, default=ROOT / "out" / "street")
    parser.add_argument("--every", type=int, default=1, help="take every n-th query image")
    options = parser.parse_args()
    mapping = images_of(options.world, "mapping")
    semantic_map = built(mapping, MapBuilderConfig(), options.work / "street")
    localizer = Localizer(semantic_map, LocalizerConfig())
    rows = []
    for condition in CONDITIONS:
        queries = images_of(options.world, condition)[:: options.every]
        rows.append((condition, *row_of(localizer, queries, condition)))
    report(
        "Street, mapped in summer", COLUMNS, rows, options.json,
        mapping_images=len(mapping), points=len(semantic_map.points_map),
    )  # fmt: skip


def images_of(world: Path, traversal: str) -> list[PosedImage]:
    """The posed images of one traversal."""
    folder = world / "frames" / traversal
    if not folder.is_dir():
        made = f"a street world (semloc world make street --out {world})"
        raise DatasetError(expected(str(folder), made, "none"))
    return read_kapture(folder)


def row_of(localizer: Localizer, queries: Sequence[PosedImage], name: str) -> tuple[Any, ...]:
    """Number, share with a pose, recalls, medians over ALL images, and share of wrong poses."""
    results = localize_all(localizer, queries, name)
    position, rotation = errors(results, [query.camera_from_map for query in queries])
    degrees = np.degrees(rotation)
    recalls = [percent((position < m) & (degrees < d)) for m, d in RECALLS]
    wrong = np.isfinite(position) & ((position > 1.0) | (degrees > 5.0))
    return (
        len(queries), percent(np.isfinite(position)), *recalls,
        100 * float(np.median(position)), float(np.median(degrees)), percent(wrong),
    )  # fmt: skip


def percent(chosen: FloatArray) -> float:
    """Share of true rows, in percent."""
    return round(100 * float(np.mean(chosen)), 1)


if __name__ == "__main__":
    main()
