"""Labels on real street images: CamVid's validation split (Brostow et al., 2009; SegNet's form).

    semloc train segmentation ../shared/data/camvid --start models/classes_street.safetensors \
        --out out/classes_camvid.safetensors
    python benchmarks/fgsn_camvid.py out/classes_camvid.safetensors fgsn_street_100

Networks of classes: mean intersection over union of the 11 classes (what a network calls a truck
or a wall counts as what CamVid calls it). All models: normalized mutual information of their
labels with the classes (Larsson et al., ICCV 2019, equation 4). The split shares a drive with the
training split, so that numbers here flatter what was trained on that.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from reporting import arguments, progress, report

from semloc_ros import classes
from semloc_ros.config import LabellerConfig
from semloc_ros.datasets.camvid import read_camvid
from semloc_ros.evaluation.label_quality import (
    class_ious,
    contingency,
    mean_iou,
    normalized_information,
)
from semloc_ros.perception.label_model import Labeller, load_labeller
from semloc_ros.types import LabelledImage

COLUMNS = ("model", "labels", "images", "mIoU %", "right %", "NMI %")
# what SegNet's form merged (see `datasets.camvid`)
MERGED = {
    classes.WALL: classes.BUILDING, classes.TRAFFIC_LIGHT: classes.TRAFFIC_SIGN,
    classes.TERRAIN: classes.VEGETATION, classes.TRUCK: classes.CAR, classes.BUS: classes.CAR,
    classes.TRAIN: classes.CAR, classes.BICYCLE: classes.RIDER, classes.MOTORCYCLE: classes.RIDER,
}  # fmt: skip


def main() -> None:
    """One row for each model, and the classes of the last network of classes."""
    parser = arguments(__doc__ or "", "camvid")
    parser.add_argument("models", nargs="+", help="names or files, as of semloc labels")
    parser.add_argument("--split", default="val")
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args()
    images = read_camvid(options.data, options.split)[:: options.every]
    rows, facts = [], {}
    for model in options.models:
        labeller = load_labeller(model, LabellerConfig())
        table = counted(labeller, images)
        information = 100 * normalized_information(table)
        judged: tuple[object, object] = ("", "")
        if tuple(labeller.about.names) == classes.NAMES:
            merged = merge(table)
            judged = (100 * mean_iou(merged), 100 * np.trace(merged) / merged.sum())
            facts = {f"{labeller.name}: {name}": f"{100 * iou:.1f} %"
                     for name, iou in zip(classes.NAMES, class_ious(merged), strict=True)
                     if merged.sum(1)[classes.NAMES.index(name)]}  # fmt: skip
        rows.append((Path(model).stem, labeller.count, len(images), *judged, information))
    report("CamVid", COLUMNS, rows, options.json, **facts)


def counted(labeller: Labeller, images: list[LabelledImage]) -> NDArray[np.int64]:
    """How often the true classes (rows) meet the labels (columns)."""
    table = np.zeros((len(classes.NAMES), labeller.count), np.int64)
    with progress() as bar:
        for one in bar.track(images, description=labeller.name):
            table += contingency(one.read_labels(), labeller.label(one.read()), table.shape)
    return table


def merge(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """The columns of classes that CamVid merged added to what they were merged with."""
    merged = table.copy()
    for part, whole in MERGED.items():
        merged[:, whole] += merged[:, part]
        merged[:, part] = 0
    return merged


if __name__ == "__main__":
    main()
