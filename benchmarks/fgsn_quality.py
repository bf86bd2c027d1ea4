"""What labels tell of classes, and whether they last: on a street world, condition by condition.

`NMI` is the normalized mutual information of labels and the 19 true classes over the pixels of
the condition's images (equation 4 of "Fine-Grained Segmentation Networks"), `mIoU` that of models
of those classes. `kept` is the share of points that have the same label in the reference
traversal and in the condition's (exact correspondences of still surfaces, trees left out),
`chance` what labels as frequent as these would keep, `above` the way from chance to perfect,
`shared` the normalized mutual information of the two labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from reporting import ROOT, arguments, progress, report

from semloc_ros import classes
from semloc_ros.config import WorldPairsConfig
from semloc_ros.datasets.world_folder import read_world_labels
from semloc_ros.evaluation.label_figures import contingency_figure, save_figure
from semloc_ros.evaluation.label_quality import (
    Agreement,
    Table,
    agreement,
    contingency,
    mean_iou,
    normalized_information,
    table_of_pairs,
)
from semloc_ros.perception.label_model import Labeller, load_labeller
from semloc_ros.types import LabelledImage
from semloc_ros.worlds.correspondences import read_pairs

COLUMNS = (
    "model", "labels", "condition", "images", "NMI %", "mIoU %", "points", "kept %", "chance %",
    "above %", "shared %",
)
PAIRS = WorldPairsConfig(step_px=8)


def main() -> None:
    """Label the images of each condition with each model, compare, print, draw."""
    parser = arguments(__doc__ or "")
    parser.add_argument("world", type=Path, help="a street world with frames and their truth")
    parser.add_argument("models", nargs="+", help="names in models/, or files of models")
    parser.add_argument("--reference", default="mapping", help="the traversal to compare with")
    parser.add_argument("--conditions", default="", help="only these, split by commas")
    parser.add_argument("--every", type=int, default=5, help="use every n-th image and pair")
    figure = ROOT / "out" / "benchmarks" / "contingency.png"
    parser.add_argument("--figure", type=Path, default=figure, help="contingency tables")
    options = parser.parse_args()
    labelled = read_world_labels(options.world)
    chosen = [one for one in options.conditions.split(",") if one] or list(labelled)
    rows, tables = [], {}
    for model in options.models:
        labeller = load_labeller(model)
        of_model = np.zeros((len(classes.NAMES), labeller.count), np.int64)
        for name in chosen:
            images = labelled[name][:: options.every]
            table = class_table(images, labeller, name)
            of_model += table
            lasting = None
            if name != options.reference:
                lasting = stability(options.world, options.reference, name, labeller, options.every)
            rows.append(row(Path(model).stem, labeller, name, len(images), table, lasting))
        tables[f"{Path(model).stem}: NMI {100 * normalized_information(of_model):.1f} %"] = of_model
    save_figure(contingency_figure(tables, classes.NAMES), options.figure)
    report(f"labels in {options.world.name}", COLUMNS, rows, options.json,
           reference=options.reference, every=options.every, figure=str(options.figure))


def class_table(images: Sequence[LabelledImage], labeller: Labeller, name: str) -> Table:
    """Pixels by true class and label (19, L)."""
    shape = len(classes.NAMES), labeller.count
    table = np.zeros(shape, np.int64)
    with progress() as bar:
        for image in bar.track(images, description=f"{labeller.name}: {name}"):
            table += contingency(image.read_labels(), labeller.label(image.read()), shape)
    return table


def stability(
    world: Path, reference: str, name: str, labeller: Labeller, every: int
) -> Agreement:
    """Of the labels of the same surfaces in two traversals."""
    pairs = read_pairs(
        world, reference, name, distance_m=PAIRS.distance_m, angle=np.radians(PAIRS.angle_deg),
        step=PAIRS.step_px,
    )  # fmt: skip
    with progress() as bar:
        tracked = bar.track(pairs[::every], description=f"{labeller.name}: {reference}, {name}")
        return agreement(table_of_pairs(tracked, labeller.label, labeller.count))


def row(
    model: str, labeller: Labeller, name: str, images: int, table: Table,
    lasting: Agreement | None,
) -> tuple[object, ...]:  # fmt: skip
    """One row of the table; a dash is what a model or the reference itself does not have."""
    overlap: object = "–"
    if labeller.about.names == classes.NAMES:
        overlap = 100 * mean_iou(table)
    lasts: tuple[object, ...] = ("–",) * 5
    if lasting is not None:
        shares = (lasting.same, lasting.chance, lasting.above_chance, lasting.information)
        lasts = (lasting.points, *(100 * share for share in shares))
    nmi = 100 * normalized_information(table)
    return model, labeller.count, name, images, nmi, overlap, *lasts


if __name__ == "__main__":
    main()
