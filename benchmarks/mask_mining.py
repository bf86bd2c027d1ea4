"""Mined masks against the truth, step by step, beside OpenCV's background subtractors.

All methods judge the same frames of the same clip, evenly spread over those with truth, with one
set of options. MOG2 and KNN see every frame in order, with OpenCV's defaults (their shadows are
static), and get the same clean-up as the plain temporal median: opening, closing, holes filled,
small components left out. Pixels are counted as in CDnet; `without shadows` leaves out pixels that
are shadow in the truth, `sure` those that our masks call unsure. F1, precision and recall in %.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from reporting import SHARED_DATA, arguments, progress, report

from semloc_ros.config.mining import MINING_PRESETS, MiningConfig
from semloc_ros.datasets.static_clips import read_static_clips
from semloc_ros.evaluation.mask_quality import count_pixels, sum_counts
from semloc_ros.learning.mask_mining import UNSURE, ClipView, MaskMiner, count_votes, spread
from semloc_ros.learning.mining_background import clean, temporal_median
from semloc_ros.learning.mining_steps import Mask, large_components, whole_superpixels
from semloc_ros.options import flatten, from_mapping
from semloc_ros.types import StaticClip

COLUMNS = (
    "clip", "method", "precision", "recall", "F1", "F1 without shadows", "F1 sure",
)
MEDIANS = (15, 20, 30)  # levels, the thresholds of the plain temporal median
OFF = {f"background.{name}": False for name in ("shadows", "standing", "unsure_edges")}
# each adds to what stands above it
ADDITIONS: Mapping[str, Mapping[str, Any]] = {
    "background": {"light": False, "camera.enabled": False, **OFF},
    "+ camera, light": OFF,
    "+ shadows": {**OFF, "background.shadows": True},
    "+ standing": {"background.unsure_edges": False},
    "+ unsure edges = default": {},
}


@dataclass(frozen=True, slots=True)
class Judged:
    """The frames of a clip that are judged, and their truth."""

    clip: StaticClip
    indices: list[int]
    truths: list[NDArray[np.uint8]]


def main() -> None:
    """Mine, subtract, count, print."""
    parser = arguments(__doc__ or "")
    parser.add_argument("clips", nargs="*", type=Path, default=[SHARED_DATA / "cdnet_highway"])
    parser.add_argument("--frames", type=int, default=20, help="judged in each clip")
    parser.add_argument("--worsen", choices=tuple(WORSENED), help="spoil the clips first")
    options = parser.parse_args()
    clips = [clip for path in options.clips for clip in read_static_clips(path)]
    if options.worsen:
        clips = [WORSENED[options.worsen](clip) for clip in clips]
    rows: list[tuple[object, ...]] = []
    for clip in clips:
        judged = judged_frames(clip, options.frames)
        for name, values in methods(judged):
            rows.append((clip.name, name, *measures(values, judged.truths)))
    report("Mask mining", COLUMNS, [*rows, *means(rows)], options.json, frames=options.frames)


def judged_frames(clip: StaticClip, count: int) -> Judged:
    """Frames evenly spread over those with truth."""
    truths = {index: clip.read_truth(index) for index in range(clip.num_frames)}
    known = [index for index, truth in truths.items() if truth is not None]
    indices = [known[number] for number in spread(len(known), count)]
    return Judged(clip, indices, [truths[index] for index in indices])


def methods(judged: Judged) -> Iterable[tuple[str, list[NDArray[np.uint8]]]]:
    """Each method's masks of the judged frames, 255 moving and 170 unsure."""
    with progress() as bar:
        task = bar.add_task(judged.clip.name, total=None)
        paper = from_mapping(MiningConfig, MINING_PRESETS["paper"])
        for name, masks in paper_steps(judged, paper):
            yield name, [mask.astype(np.uint8) * 255 for mask in masks]
            bar.advance(task)
        for name, changes in ADDITIONS.items():
            config = from_mapping(MiningConfig, {**flatten(MiningConfig()), **changes})
            mined = MaskMiner(judged.clip, config).mine(judged.indices)
            found = {one.index: one.values for one in mined}
            missing = np.zeros_like(judged.truths[0])  # a frame that is left out finds nothing
            yield name, [found.get(index, missing) for index in judged.indices]
            bar.advance(task)
        for name, masks in baselines(judged):
            yield name, [mask.astype(np.uint8) * 255 for mask in masks]
            bar.advance(task)


def paper_steps(judged: Judged, config: MiningConfig) -> Iterable[tuple[str, list[Mask]]]:
    """The masks after each step of the paper that makes some."""
    view = ClipView(judged.clip, config)
    queries = [query for index in judged.indices if (query := view.frame(index)) is not None]
    voting = config.voting
    masks = [votes.dynamic(voting.share) for votes in count_votes(view, queries)]
    yield "paper: a-c votes", masks
    masks = [
        whole_superpixels(query.seen, mask, voting)
        for query, mask in zip(queries, masks, strict=True)
    ]
    yield "paper: d superpixels", masks
    size = voting.dilation_px
    yield "paper: e components", [
        large_components(mask, size, config.least_share * mask.size) for mask in masks
    ]


def baselines(judged: Judged) -> Iterable[tuple[str, list[Mask]]]:
    """What can be had without us."""
    yield "OpenCV MOG2", subtracted(judged, cv2.createBackgroundSubtractorMOG2())
    yield "OpenCV KNN", subtracted(judged, cv2.createBackgroundSubtractorKNN())
    clip = judged.clip
    sample = [grey(clip, index) for index in spread(clip.num_frames, 100)]
    background = temporal_median(sample)
    for threshold in MEDIANS:
        yield f"temporal median, {threshold} levels", [
            tidy(cv2.absdiff(grey(clip, index), background) > threshold)
            for index in judged.indices
        ]


def subtracted(judged: Judged, subtractor: cv2.BackgroundSubtractor) -> list[Mask]:
    """The judged frames, after all frames before them; 127 is a shadow to OpenCV."""
    found = {}
    for index in range(judged.indices[-1] + 1):
        answer = subtractor.apply(judged.clip.read(index))
        if index in judged.indices:
            found[index] = tidy(answer == 255)
    return [found[index] for index in judged.indices]


def tidy(mask: Mask) -> Mask:
    """The clean-up of all baselines, the same as ours."""
    return clean(mask, MiningConfig().least_share * mask.size)


def grey(clip: StaticClip, index: int) -> NDArray[np.uint8]:
    """The brightness of a frame (H, W)."""
    return np.asarray(cv2.cvtColor(clip.read(index), cv2.COLOR_RGB2GRAY), np.uint8)


def measures(
    values: list[NDArray[np.uint8]], truths: list[NDArray[np.uint8]]
) -> tuple[float, float, float, float, float]:
    """Precision, recall, F1 and its two variants, of all frames together."""
    pairs = list(zip(values, truths, strict=True))
    plain = sum_counts(count_pixels(value == 255, truth) for value, truth in pairs)
    lit = sum_counts(count_pixels(value == 255, truth, shadows=False) for value, truth in pairs)
    sure = sum_counts(
        count_pixels(value == 255, truth, left_out=value == UNSURE) for value, truth in pairs
    )
    shares = plain.precision, plain.recall, plain.f1, lit.f1, sure.f1
    return tuple(100 * share for share in shares)  # type: ignore[return-value]


def means(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Each method's mean over the clips, if there are several."""
    if len({row[0] for row in rows}) == 1:
        return []
    names = dict.fromkeys(row[1] for row in rows)
    return [
        ("mean", name, *np.mean([row[2:] for row in rows if row[1] == name], axis=0))
        for name in names
    ]


def dimmed(clip: StaticClip) -> StaticClip:
    """The light goes down to 60 % over the clip, and jumps to 80 % for a tenth of it."""

    def read(index: int) -> NDArray[np.uint8]:
        part = index / clip.num_frames
        gain = 0.8 if 0.45 < part < 0.55 else 1.0 - 0.4 * part
        return np.asarray(np.rint(clip.read(index) * gain), np.uint8)

    return StaticClip(clip.name, clip.num_frames, clip.rate_hz, read, clip.read_truth)


def shaken(clip: StaticClip) -> StaticClip:
    """The camera shakes: up to 3 px and a third of a degree, each frame by itself."""
    moves = np.random.default_rng(0).uniform(-1, 1, (clip.num_frames, 3)) * (3.0, 3.0, 0.33)

    def moved(image: NDArray[np.uint8], index: int, how: int, beyond: int) -> NDArray[np.uint8]:
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), moves[index, 2], 1.0)
        matrix[:, 2] += moves[index, :2]
        border = cv2.BORDER_CONSTANT if beyond else cv2.BORDER_REPLICATE
        warped = cv2.warpAffine(
            image, matrix, (width, height), flags=how, borderMode=border, borderValue=beyond
        )
        return np.asarray(warped, np.uint8)

    def read_truth(index: int) -> NDArray[np.uint8] | None:
        truth = clip.read_truth(index)
        return None if truth is None else moved(truth, index, cv2.INTER_NEAREST, 85)

    def read(index: int) -> NDArray[np.uint8]:
        return moved(clip.read(index), index, cv2.INTER_LINEAR, 0)

    return StaticClip(clip.name, clip.num_frames, clip.rate_hz, read, read_truth)


WORSENED: Mapping[str, Callable[[StaticClip], StaticClip]] = {"light": dimmed, "shake": shaken}


if __name__ == "__main__":
    main()
