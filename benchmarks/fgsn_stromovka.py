"""Do labels last over a year of real seasons? Five places in a park, twelve visits each.

Pixels of two visits are compared at the displacement that the data tells; it is one for the whole
picture and knows no rows, so edges are blurred by it (see `datasets.stromovka`): `kept` is less
than the labels deserve, for all models alike. `chance` is what labels as frequent as these would
keep; `above` the way from chance to perfect; `shared` the mutual information of the two labels,
normalized. Places 1 to 3 may have been trained on, 4 and 5 never.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from reporting import arguments, progress, report

from semloc_ros.datasets.stromovka import read_visits
from semloc_ros.evaluation.label_quality import Table, agreement, table_of_pairs
from semloc_ros.perception.label_model import Labeller, load_labeller

PARTS = {"1-3, to train": (1, 2, 3), "4-5, to test": (4, 5)}
COLUMNS = (
    "model", "labels", "places", "pairs", "points", "kept %", "chance %", "above %", "shared %",
)
STEP = 8  # pixels between points


def main() -> None:
    """Label all visits with each model, compare, print."""
    parser = arguments(__doc__ or "", "stromovka")
    parser.add_argument("models", nargs="+", help="names in models/, or files of models")
    parser.add_argument("--step", type=int, default=STEP, help="pixels between points")
    options = parser.parse_args()
    rows = []
    for model in options.models:
        labeller = load_labeller(model)
        tables = {
            place: place_table(options.data, place, labeller, options.step)
            for part in PARTS.values()
            for place in part
        }
        groups = PARTS | {f"only {place}": (place,) for place in tables}
        rows += [row(Path(model).stem, labeller.count, name, [tables[one] for one in group])
                 for name, group in groups.items()]
    report("Stromovka: labels of 12 visits over a year", COLUMNS, rows, options.json,
           step_px=options.step)


def place_table(data: Path, place: int, labeller: Labeller, step: int) -> tuple[int, Table]:
    """How many pairs of visits a place has, and the labels (L, L) of their points."""
    pairs = read_visits(data, (place,), step)
    with progress() as bar:
        tracked = bar.track(pairs, description=f"{labeller.name}: place {place}")
        return len(pairs), table_of_pairs(tracked, labeller.label, labeller.count)


def row(
    model: str, count: int, places: str, tables: list[tuple[int, Table]]
) -> tuple[object, ...]:
    """One row of the table; a pair counts by its points."""
    found = agreement(np.sum([table for _, table in tables], axis=0))
    shares = (found.same, found.chance, found.above_chance, found.information)
    pairs = sum(number for number, _ in tables)
    return model, count, places, pairs, found.points, *(100 * share for share in shares)


if __name__ == "__main__":
    main()
