"""How good finds of objects of interest are, beside the truth of their image."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torchvision.ops import box_iou

from semloc_ros.networks.object_heads import GRID
from semloc_ros.networks.object_losses import sampled_truth
from semloc_ros.types import FloatArray

SCORE = 0.5  # above it a find is kept (Weinzaepfel et al., CVPR 2019, section 3.2)
_OVERLAP = 0.5  # of boxes, for a find to be that object
_HALF = 0.5  # of a mask's values
_CAP = 0.2  # of (u, v): matches that err by more are as bad
_ROUGH = 0.5  # what matches as bad as that cost beside an object that is missed, and a find of none
_MEDIAN = math.sqrt(2 * math.log(2))  # of the length of a normal (x, y) of sigma 1
_LEAST_CELLS = 8  # of a find, to judge its matches


@dataclass(frozen=True, slots=True)
class Judged:
    """One true object, or one find that is none of them.

    `errors` (N,) of what it says of its cells, in measures of (u, v); `errors_px` (N,) the same in
    pixels of the image, empty where it says something else; `normalized` (N,) over their sigmas.
    """

    is_true: bool
    is_found: bool
    errors: FloatArray
    errors_px: FloatArray
    normalized: FloatArray


_NONE = np.empty(0)


def judged(found: Mapping[str, torch.Tensor], target: Mapping[str, torch.Tensor]) -> list[Judged]:
    """Of what `ObjectNetwork` found in an image, and of its truth (`object_targets`)."""
    kept = found["scores"] >= SCORE
    found = {name: one[kept] for name, one in found.items()}
    overlaps = box_iou(found["boxes"], target["boxes"])
    overlaps[found["labels"][:, None] != target["labels"]] = 0.0
    result, used = [], set()
    for row in range(len(target["labels"])):
        best = int(overlaps[:, row].argmax()) if len(overlaps) else -1
        if best in used or best < 0 or overlaps[best, row] < _OVERLAP:
            result.append(Judged(True, False, _NONE, _NONE, _NONE))
            continue
        used.add(best)
        result.append(_matches({name: one[best] for name, one in found.items()}, target, row))
    false = len(found["scores"]) - len(used)
    return [*result, *[Judged(False, True, _NONE, _NONE, _NONE)] * false]


def totals(objects: Sequence[Judged]) -> dict[str, float]:
    """Numbers of many objects: `recall` and `precision` at a score of 0.5, the medians over all
    matches of `error` (of u and v together, from 0 to 1), `error_px` and `normalized` (over sigma,
    1 = as was said). The smaller `score`, the better: what an object costs in the mean, 1 if it is
    missed, up to a half, by its median error, if it is found, and a half for a find of none: names
    and boxes come first, since local features can match what is found."""
    true = sum(one.is_true for one in objects)
    found = sum(one.is_found for one in objects)
    right = sum(one.is_true and one.is_found for one in objects)
    return {
        "score": sum(map(_cost, objects)) / max(true, 1), "recall": right / max(true, 1),
        "precision": right / max(found, 1), "error": _median([one.errors for one in objects]),
        "error_px": _median([one.errors_px for one in objects]),
        "normalized": _median([one.normalized / _MEDIAN for one in objects]),
    }  # fmt: skip


def _cost(one: Judged) -> float:
    if not one.is_found:
        return 1.0
    wrong = float(np.median(one.errors)) if len(one.errors) else _CAP
    return _ROUGH * min(wrong / _CAP, 1.0)


def _median(parts: Sequence[FloatArray]) -> float:
    """-1 where there is nothing: a log holds numbers."""
    every = np.concatenate([_NONE, *parts])
    return float(np.median(every)) if len(every) else -1.0


def _matches(
    found: Mapping[str, torch.Tensor], target: Mapping[str, torch.Tensor], row: int
) -> Judged:
    """Of one find, at the cells of its mask that the object's pixels are around."""
    window = found["windows"][None]
    rows = torch.tensor([row], device=window.device)
    _, known, values = sampled_truth(target, window, rows)
    chosen = known[0] & (found["masks"] >= _HALF)
    if int(chosen.sum()) < _LEAST_CELLS:
        return Judged(True, True, _NONE, _NONE, _NONE)
    wrong = (found["values"] - values[0])[:, chosen].T.double().cpu().numpy()
    errors = np.linalg.norm(wrong, axis=1)
    sigmas = found["sigmas"][chosen].double().cpu().numpy()
    errors_px = _NONE
    if wrong.shape[1] == 2:
        cells = torch.nonzero(chosen).flip(1).double().cpu().numpy()
        side = (window[0, 2:] - window[0, :2]).double().cpu().numpy() / GRID
        errors_px = _in_pixels(wrong, cells * side, values[0][:, chosen].T.double().cpu().numpy())
    return Judged(True, True, errors, errors_px, errors / sigmas)


def _in_pixels(wrong: FloatArray, pixels: FloatArray, uv: FloatArray) -> FloatArray:
    """Errors (N, 2) of (u, v) as distances in pixels, by the affine map that fits both best."""
    with_one = np.c_[pixels, np.ones(len(pixels))]
    affine = np.linalg.lstsq(with_one, uv, rcond=None)[0][:2]  # uv = pixels @ affine
    if abs(np.linalg.det(affine)) < 1e-12:  # cells of a line
        return _NONE
    return np.asarray(np.linalg.norm(wrong @ np.linalg.inv(affine), axis=1))
