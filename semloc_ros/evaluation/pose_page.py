"""The page of a study of pose networks: what masks change, and the maps of what networks look at.

Tables and figures are those of Cimarelli et al. (AVSS 2019), section 5.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import isfinite
from pathlib import Path
from typing import Any

from semloc_ros.config.pose_study import PoseStudyConfig, SaliencyConfig
from semloc_ros.evaluation.page import (
    all_numbers,
    figure_grid,
    inline_figure,
    number,
    table,
    write_page,
)
from semloc_ros.evaluation.pose_errors import COMBINATIONS, ONE_GUESS, Study
from semloc_ros.evaluation.pose_figures import (
    SaliencyRow,
    box_figure,
    cdf_figure,
    group_figure,
    saliency_figure,
)
from semloc_ros.evaluation.pose_runs import Looks
from semloc_ros.evaluation.pose_study import (
    FIRST,
    KINDS,
    STATISTICS,
    doubts,
    share_groups,
    surely,
    unlearned,
)

# Table 2 of the paper, on King's College: by network and combination the medians, then the means,
# of position (m) and rotation (degrees)
PAPER = {
    "googlenet": {
        "UT/UT": (0.93, 3.29, 1.36, 3.85), "UT/MT": (1.01, 3.12, 1.39, 3.84),
        "MT/UT": (0.94, 2.86, 1.21, 3.40), "MT/MT": (0.95, 2.84, 1.19, 3.39),
    },
    "resnet152v2": {
        "UT/UT": (1.06, 3.18, 1.58, 3.99), "UT/MT": (1.10, 3.12, 1.73, 4.20),
        "MT/UT": (1.13, 3.31, 1.40, 4.21), "MT/MT": (1.09, 3.12, 1.33, 4.20),
    },
}  # fmt: skip
_LOOK_HEADER = (
    "image", "network", "movers of the pixels", "of the contributions", "sum", "pose changes by",
    "gap", "of all contributions",
)  # fmt: skip
_EXPLAINED = (
    "UT, MT: networks trained on images without and with masks; behind the slash, what the test "
    "images were. Masked pixels are zero after the images were standardized."
)


@dataclass(frozen=True, slots=True)
class Look:
    """Rows of the saliency figure, and a line of words for each map: see `look_of`."""

    rows: Sequence[SaliencyRow]
    lines: Sequence[Sequence[str]]
    doubts: Sequence[str] = ()


def look_of(
    rows: Sequence[SaliencyRow], looks: Looks, config: SaliencyConfig, prefix: str = ""
) -> Look:
    """What the maps say in numbers: on movers, and whether their sums are as they should be. Advice
    names the options of `config` with a prefix."""
    lines, wide = [], []
    for row in rows:
        for words, one in looks[row.name].items():
            if one.relative_gap > config.largest_gap:
                wide.append(one.gap_of_all)
            lines.append([
                row.name, words, f"{100 * float((row.mask != 0).mean()):.1f} %",
                f"{100 * one.share_on(row.mask):.1f} %", f"{one.contributions.sum():.3g}",
                f"{one.change:.3g}", f"{100 * one.relative_gap:.2f} %",
                f"{100 * one.gap_of_all:.3f} %",
            ])  # fmt: skip
    if not wide:
        return Look(rows, lines)
    most = max((one for one in wide if isfinite(one)), default=None)
    beside = "" if most is None else f" (at most {100 * most:.2g} % of all contributions)"
    doubt = f"{len(wide)} of {len(lines)} maps miss the change of the pose by more than "
    doubt += f"{100 * config.largest_gap:g} %{beside}: {_mend(config, prefix)}."
    return Look(rows, lines, [doubt])


def _mend(config: SaliencyConfig, prefix: str) -> str:
    """What makes gaps smaller: steps up to the default ones, behind which only chance is left."""
    usual = SaliencyConfig()
    if config.rule != usual.rule or config.steps < usual.steps:
        return f"{prefix}steps={usual.steps} and {prefix}rule={usual.rule} miss less"
    few = f"four times the noisy images ({prefix}samples={4 * config.samples})"
    return f"gradients are rough, and this is chance; {few} halve it"


def write_study(
    path: Path, study: Study, numbers: Mapping[str, Any], config: PoseStudyConfig,
    look: Look | None = None, architectures: Sequence[str] = (),
) -> None:  # fmt: skip
    """Write the page: `numbers` are those of `pose_study.judged`; beside networks of the paper's
    architectures its own are shown."""
    groups = share_groups(study.masked_share, config.masked_shares)
    figures = {
        "Share of the images with at most an error": cdf_figure(study),
        "Errors; notches: intervals of the medians": box_figure(study, numbers["all"]),
        "Errors by masked share of the image": group_figure(study, groups, numbers["groups"]),
    }
    sections = [
        f'<p class="verdict">{html.escape(verdict(numbers))}</p>',
        *(f"<p><strong>{html.escape(doubt)}</strong></p>"
          for doubt in doubts(study, numbers, config)),
        f"<p>{html.escape(_about(study, config))}</p>",
        table(*error_table(numbers)),
        *(_paper(name) for name in dict.fromkeys(architectures) if name in PAPER),
        "<h2>What differs from UT/UT</h2>" + table(*difference_table(numbers["all"])),
        "<h2>Errors</h2>" + figure_grid(figures),
        "<h2>By masked share of the image</h2>",
        *(f"<p>{kind}</p>{table(*group_table(numbers, kind))}" for kind in KINDS),
        *([] if look is None else [_saliency(look)]),
        all_numbers(numbers),
    ]
    write_page(path, "Pose networks with and without masks", sections)


def verdict(numbers: Mapping[str, Any]) -> str:
    """The paper's question in one sentence: does MT/MT differ from UT/UT by more than chance?"""
    told = []
    for kind, unit in KINDS.items():
        change = numbers["all"]["MT/MT"][kind]["against"]
        chance = "different by no more than chance"
        if change["paired"]["interval"] is None:
            chance = "not told from chance by so few images"
        word = surely(change) or chance
        cell = _cell(change["paired"], unit, signed=True).replace("\n", ", ")
        better = f"{100 * change['better']:.0f} % smaller"
        told.append(f"{kind} error {word} (image by image {cell}; {better})")
    words = "; ".join(told)
    start = "No verdict on masks, as networks learned too little. " if unlearned(numbers) else ""
    return f"{start}Masks in training and test, beside none at all: {words}."


def error_table(numbers: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows: by combination the medians and means, their intervals below; last those of
    one guess for all images. `numbers` as of `judged`."""
    header = ["", *(f"{name} {kind}" for name in STATISTICS for kind in KINDS), "by network"]
    rows = [
        [
            name, *_error_cells(numbers["all"][name]),
            "; ".join(
                f"{_short(metres)} m, {_short(degrees)}°"
                for metres, degrees in zip(
                    *(numbers["all"][name][kind]["by_model"] for kind in KINDS), strict=True
                )
            ),
        ]
        for name in COMBINATIONS
    ]  # fmt: skip
    if numbers["guess"] is not None:
        rows.append([ONE_GUESS, *_error_cells(numbers["guess"]), ""])
    return header, rows


def _error_cells(of: Mapping[str, Any]) -> list[str]:
    return [_cell(of[kind][one], unit) for one in STATISTICS for kind, unit in KINDS.items()]


def difference_table(numbers: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows: by combination and kind what differs from UT/UT, image by image and of the
    medians and means, and whether the median lies in the interval of UT/UT's, which is the paper's
    test."""
    header = [
        "", "image by image", "by pair of networks", "smaller errors",
        *(f"of the {name}s" for name in STATISTICS), "median in UT/UT's interval",
    ]  # fmt: skip
    rows = []
    for name, kind in product(COMBINATIONS, KINDS):
        if name == FIRST:
            continue
        own, unit = numbers[name][kind], KINDS[kind]
        change = own["against"]
        rows.append([
            f"{name}, {kind}", _cell(change["paired"], unit, signed=True),
            "; ".join(f"{one:+.2f}" for one in change["by_pair"]),
            f"{100 * change['better']:.0f} %",
            *(_cell(change[one], unit, signed=True) for one in STATISTICS),
            number(None) if own["in_first"] is None else "yes" if own["in_first"] else "no",
        ])  # fmt: skip
    return header, rows


def group_table(
    numbers: Mapping[str, Any], kind: str
) -> tuple[list[str], list[list[str]]]:
    """Header and rows of one kind of error: by masked share of the images the medians of each
    combination, and what differs from UT/UT image by image; then the rank correlation of masked
    share and error over all images."""
    others = [name for name in COMBINATIONS if name != FIRST]
    header = ["masked", "images", *COMBINATIONS, *(f"{name} less {FIRST}" for name in others)]
    rows = [
        [
            label, str(group["images"]),
            *(_cell(group[name][kind]["median"], KINDS[kind]) for name in COMBINATIONS),
            *(_cell(group[name][kind]["against"]["paired"], KINDS[kind], signed=True)
              for name in others),
        ]
        for label, group in numbers["groups"].items()
    ]  # fmt: skip
    cells = [_cell(numbers["correlation"][name][kind], "") for name in COMBINATIONS]
    last = ["rank correlation", str(numbers["images"]), *cells, *([""] * len(others))]
    return header, [*rows, last]


def _about(study: Study, config: PoseStudyConfig) -> str:
    counts = {word: len(study.models(f"{word}/UT")) for word in ("UT", "MT")}
    guess = "" if study.guess is None else (
        f" {ONE_GUESS.capitalize()}: the median position and mean rotation of the test images, "
        "told of each of them."
    )
    return (
        f"{_EXPLAINED}{guess} {len(study.names)} test images, {counts['UT']} networks trained "
        f"without and {counts['MT']} with masks; numbers are of all of them together. Small: "
        "intervals of "
        f"{100 * config.confidence:g} %, of a bootstrap over blocks of {config.block_images} "
        "neighbouring images, of fewer none; networks are drawn too (those of both trainings in "
        "pairs), but so few tell little of what others would do. A difference counts as more than "
        "chance if the interval of those of single images says so and each pair of networks does."
    )


def _paper(architecture: str) -> str:
    rows = [
        [name, f"{metres} m", f"{degrees}°", f"{mean_m} m", f"{mean_deg}°"]
        for name, (metres, degrees, mean_m, mean_deg) in PAPER[architecture].items()
    ]
    header = ["", *(f"{name} {kind}" for name in STATISTICS for kind in KINDS)]
    title = f"What the paper has for {architecture}, on King's College"
    return f"<details><summary>{title}</summary>{table(header, rows)}</details>"


def _saliency(look: Look) -> str:
    doubts = "".join(f"<p>{html.escape(doubt)}</p>" for doubt in look.doubts)
    picture = inline_figure(saliency_figure(look.rows))
    return (
        "<h2>What the networks look at</h2><p>Integrated gradients, smoothed: how far each pixel "
        "moves the pose from where the network puts an empty image to where it puts this one, in "
        "metres, or in quaternions. Blue is the outline of the mask. On movers there should be no "
        "larger a share of the contributions than they have of the pixels, if the network does not "
        f'care for them.</p>{doubts}<figure><img alt="saliency" src="{picture}"></figure>'
        + table(_LOOK_HEADER, look.lines)
    )


def _cell(value: Mapping[str, Any], unit: str, signed: bool = False) -> str:
    if value["value"] is None:
        return number(None)
    text = f"{value['value']:+.2f}" if signed else _short(value["value"])
    space = "" if unit in ("", "°") else " "
    if value["interval"] is None:
        return f"{text}{space}{unit}\n{number(None)}"
    low, high = value["interval"]
    between = f"{low:+.2f} to {high:+.2f}" if signed else f"{_short(low)} to {_short(high)}"
    return f"{text}{space}{unit}\n{between}"


def _short(value: float) -> str:
    return f"{value:.2f}"
