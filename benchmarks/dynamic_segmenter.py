"""Models that find what is dynamic, against the truth of data they have not learned from.

    python benchmarks/dynamic_segmenter.py --model synth=out/synth.safetensors \\
        --model real=out/real.safetensors --baseline coco=maskrcnn_resnet50_fpn_coco.pth \\
        --sets out/test_street ../shared/data/cdnet_highway@470 ../shared/data/camvid --mined

Precision, recall and F1 in percent, of the pixels and (where the truth has some) of objects, by
city, clip or traversal: Figure 3 of Zhou et al., "Dynamic Objects Segmentation for Visual
Localization in Urban Environments". Masks are the models' own, without margin or limit. Sets are
folders with truth, as of `semloc mask-quality`; PATH@470 leaves the frames of clips before number
470 out, NAME=PATH names a set. In clips what stands is static, which a model of single images
cannot see. `--mined` are masks mined from those clips themselves: what moves, by all their frames.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import yaml
from reporting import arguments, progress, report

from semloc_ros.config import DynamicConfig
from semloc_ros.config.mining import MiningConfig
from semloc_ros.datasets.static_clips import read_static_clips, recognize
from semloc_ros.errors import ConfigError, expected
from semloc_ros.evaluation.dynamic_figures import SheetRow, f1_figure, sheet_figure
from semloc_ros.evaluation.dynamic_quality import COLUMNS, DynamicCounts, judge, table_rows
from semloc_ros.evaluation.dynamic_sets import DynamicSet, read_dynamic_set
from semloc_ros.evaluation.label_figures import save_figure
from semloc_ros.learning.mask_mining import MaskMiner
from semloc_ros.options import from_mapping
from semloc_ros.perception.dynamic_masks import DynamicSegmenter, load_dynamic
from semloc_ros.perception.mask_shapes import parts_of
from semloc_ros.types import UNSURE, InstanceImage, Instances

MINED = "mined"
WIDTH = 150

Groups = dict[str, DynamicCounts]


class Finder(Protocol):
    """What finds objects, and how many milliseconds it took for an image since last asked."""

    def find(self, image: InstanceImage) -> Instances: ...

    def taken_ms(self) -> float: ...


class Model:
    """A model that sees single images; see `Finder`."""

    def __init__(self, segmenter: DynamicSegmenter) -> None:
        self.segmenter = segmenter
        self._seconds: list[float] = []

    def find(self, image: InstanceImage) -> Instances:
        """See `Finder`."""
        pixels = image.read()
        start = time.perf_counter()
        found = self.segmenter.segment(pixels)
        self._seconds.append(time.perf_counter() - start)
        return found

    def taken_ms(self) -> float:
        """See `Finder`; the first image, which warms up, is left out."""
        taken, self._seconds = self._seconds[1:] or self._seconds, []
        return 1000 * sum(taken) / max(1, len(taken))


class Mined:
    """The masks of a camera that stood still, by all frames of each clip; see `Finder`."""

    def __init__(self, path: Path, images: Sequence[InstanceImage]) -> None:
        self._found: dict[str, Instances] = {}
        for clip in read_static_clips(path):
            indices = [
                int(name) for group, _, name in (image.name.rpartition("/") for image in images)
                if group == clip.name
            ]  # fmt: skip
            for one in MaskMiner(clip, MiningConfig()).mine(indices):
                self._found[f"{clip.name}/{one.index:06d}"] = parts_of(one.moving)

    def find(self, image: InstanceImage) -> Instances:
        """See `Finder`; a frame that mining leaves out has none."""
        found = self._found.get(image.name)
        return parts_of(np.zeros(image.read_instances().shape)) if found is None else found

    def taken_ms(self) -> float:
        """Not measured: it is not done image by image."""
        return float("nan")


def main() -> None:
    """Judge each model on each set, print, draw."""
    options = parse()
    pairs = [split_name(text) for text in options.set]
    config = from_mapping(DynamicConfig, {name: yaml.safe_load(value) for name, value in pairs})
    named = dict(map(split_name, [*options.baseline, *options.model]))
    models = {name: Model(load_dynamic(file, config)) for name, file in named.items()}
    rows: list[tuple[object, ...]] = []
    bars = {}
    for one, path in (read_set(text, options.split) for text in options.sets):
        chosen = one.spread(options.images)
        finders: dict[str, Finder] = dict(models)
        if options.mined and recognize(path):
            finders[MINED] = Mined(path, chosen.images)
        judged = judge_all(chosen, finders)
        rows += rows_of(chosen, judged)
        bars[one.name] = bars_of(one.name, {name: groups for name, (groups, _) in judged.items()})
        if options.figures:
            shown = [sheet_row(image, finders) for image in crowded(chosen.images, options.shown)]
            save_figure(sheet_figure(shown), options.figures / f"masks_{one.name}.jpg")
    facts = {name: f"{named[name]}, {one.segmenter.computed_by}" for name, one in models.items()}
    columns = ("set", "group", "model", *COLUMNS, "ms")
    report("Dynamic objects", columns, rows, options.json, WIDTH, **facts)
    if options.figures:
        faint = [split_name(text)[0] for text in options.baseline]
        save_figure(f1_figure(bars, faint), options.figures / "f1.png")


def parse() -> Namespace:
    """The command line."""
    parser = arguments(__doc__ or "")
    named: dict[str, Any] = {"action": "append", "default": [], "metavar": "NAME=FILE"}
    parser.add_argument("--model", help="as of `semloc mask`; may be repeated", **named)
    parser.add_argument("--baseline", help="the same, drawn in grey", **named)
    parser.add_argument("--sets", nargs="+", required=True, metavar="[NAME=]PATH[@FIRST]")
    parser.add_argument("--split", default="val", help="of data sets that have some")
    parser.add_argument("--images", type=int, default=40, help="of each group; 0: all")
    parser.add_argument("--mined", action="store_true", help="mined masks of clips beside them")
    parser.add_argument("--figures", type=Path, help="folder of bars and sheets")
    parser.add_argument("--shown", type=int, default=4, help="images of a set on its sheet")
    parser.add_argument("--set", action="append", default=[], help="NAME=VALUE of DynamicConfig")
    return parser.parse_args()


def split_name(text: str) -> tuple[str, str]:
    """Name and value of NAME=VALUE; raises ConfigError for what is not."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ConfigError(expected(text, "NAME=VALUE", "another form"))
    return name, value


def read_set(text: str, split: str) -> tuple[DynamicSet, Path]:
    """The set of [NAME=]PATH[@FIRST], and its path."""
    name, equals, rest = text.partition("=")
    path, _, first = (rest if equals else text).partition("@")
    found = read_dynamic_set(Path(path), split, int(first or 0))
    return replace(found, name=name) if equals else found, Path(path)


def judge_all(one: DynamicSet, finders: Mapping[str, Finder]) -> dict[str, tuple[Groups, float]]:
    """By model its counts by group, and its milliseconds."""
    found = {}
    with progress() as bar:
        for name, finder in finders.items():
            finder.taken_ms()  # what the sheet of another set took is none of this one's
            images = bar.track(one.images, description=f"{one.name}: {name}")
            found[name] = judge(finder.find, images), finder.taken_ms()
    return found


def rows_of(
    one: DynamicSet, judged: Mapping[str, tuple[Groups, float]]
) -> list[tuple[object, ...]]:
    """Group by group the rows of all models."""
    tables = [
        [(model, taken, row) for row in table_rows(groups, one.has_objects)]
        for model, (groups, taken) in judged.items()
    ]
    return [
        (one.name, row[0], model, *row[1:], taken)
        for same in zip(*tables, strict=True)
        for model, taken, row in same
    ]


def bars_of(name: str, judged: Mapping[str, Groups]) -> dict[str, dict[str, float]]:
    """F1 of the pixels by group and model, where there is something to find; a group without a
    name is the whole set."""
    found: dict[str, dict[str, float]] = {}
    for model, groups in judged.items():
        for group, counts in groups.items():
            if counts.pixels.hits or counts.pixels.misses:
                found.setdefault(group or name, {})[model] = counts.pixels.f1
    return found


def crowded(images: Sequence[InstanceImage], count: int) -> list[InstanceImage]:
    """Of `count` equal parts of the images, each the one with the most dynamic pixels."""

    def dynamic(index: int) -> int:
        truth = images[index].read_instances()
        return int(np.count_nonzero((truth > 0) & (truth != UNSURE)))

    parts = np.array_split(np.arange(len(images)), min(count, len(images)))
    return [images[max(part.tolist(), key=dynamic)] for part in parts]


def sheet_row(image: InstanceImage, finders: Mapping[str, Finder]) -> SheetRow:
    """An image, its truth and what each model finds."""
    numbers = {name: finder.find(image).numbers for name, finder in finders.items()}
    return SheetRow(image.name, image.read(), {"truth": image.read_instances(), **numbers})


if __name__ == "__main__":
    main()
