"""A run beside a baseline, frame by frame: which numbers changed, and is it chance?

Only frames that both have count, by condition and stamp. For each number the differences of the
frames are summed by blocks of neighbours; if nothing had changed, each block's sum could as well
have the other sign (permutation test: Fisher 1935; Good, "Permutation Tests", 3.2). The
probabilities are held against Holm's bound over all numbers (Scandinavian Journal of Statistics
1979). Worse is what is so by more than chance and by more than the configured least amount; and
the first false fix is worse whatever chance says, as a replay repeats itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import EvaluationConfig
from semloc_ros.errors import DatasetError, expected
from semloc_ros.evaluation.association import poses_at
from semloc_ros.evaluation.conditions import Condition
from semloc_ros.evaluation.intervals import blocks_of
from semloc_ros.evaluation.metrics import recall_name, recall_thresholds
from semloc_ros.types import FloatArray

_TRUTH_GAP_NS = 1_000_000_000
_SAME_PLACE_M = 0.01
_COLUMNS = ("stamp_ns", "position_m", "rotation_deg", "has_fix", "truth_m")
_LEAST_ERROR = {"position_m": 1e-5, "rotation_deg": 1e-4}  # below it a ratio means nothing
Frames = Mapping[str, Mapping[str, Sequence[Any]]]


@dataclass(frozen=True, slots=True)
class Change:
    """One number of both: shares, or the geometric mean of an error over frames with a fix in
    both. `probability` is that of as large a change by chance."""

    key: str
    baseline: float
    now: float
    frames: int
    probability: float
    is_significant: bool
    is_worse: bool

    @property
    def word(self) -> str:
        """`worse`, `changed`, `chance` (other, but not certainly so) or `same`."""
        if self.is_worse:
            return "worse"
        if self.is_significant:
            return "changed"
        return "same" if self.now == self.baseline else "chance"


def per_frame(conditions: Sequence[Condition]) -> dict[str, dict[str, list[Any]]]:
    """What a later run can be compared with, by condition: stamps, errors of fixes (None where
    there is none), and whether the frame has a fix."""
    found = {}
    for one in conditions:
        judged = one.judged
        found[one.name] = {
            "stamp_ns": one.run.frames_ns.tolist(),
            "position_m": judged.per_frame(judged.position_m).tolist(),
            "rotation_deg": judged.per_frame(judged.rotation_deg).tolist(),
            "has_fix": (judged.fix_of_frame >= 0).tolist(),
            "truth_m": _true_places(one),
        }
    return found


def _true_places(one: Condition) -> list[list[float]]:
    """Where each frame was taken, to a tenth of a millimetre; NaN where the truth is unknown."""
    truth = one.run.truth
    poses = poses_at(one.run.frames_ns, truth.stamps_ns, truth.map_from_base, _TRUTH_GAP_NS)
    places: list[list[float]] = poses[:, :3, 3].round(4).tolist()
    return places


def read_baseline(path: Path) -> Frames:
    """The frames in a metrics.json of an earlier run; DatasetError if it has none."""
    try:
        found = json.loads(path.read_text())["per_frame"]
        for name, columns in found.items():
            lengths = {len(columns[key]) for key in _COLUMNS}
            if len(lengths) != 1:
                raise ValueError(f"columns of {name} differ in length")
            _common(columns, columns)  # raises for what are no numbers
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        wanted = "metrics.json of `semloc evaluate`"
        reason = f"{type(error).__name__} {error}"
        raise DatasetError(expected(str(path), wanted, reason)) from None
    frames: Frames = found
    return frames


def compare(now: Frames, baseline: Frames, config: EvaluationConfig) -> list[Change]:
    """All numbers of both on the frames of both; DatasetError if there are none, or if frames of
    the same stamp were taken at other places."""
    pairs = [_common(now[name], baseline[name]) for name in now if name in baseline]
    counts = [len(pair[0]["has_fix"]) for pair in pairs]
    if sum(counts) == 0:
        wanted = f"frames of {', '.join(now)} by their stamps"
        raise DatasetError(expected("baseline", wanted, "none of them"))
    for ours, theirs in pairs:
        apart = np.linalg.norm(ours["truth_m"] - theirs["truth_m"], axis=1)
        if np.any(apart > _SAME_PLACE_M):  # NaN is not known
            wanted = "the frames of this run"
            got = f"the same stamps with a truth {np.nanmax(apart):.3g} m away"
            raise DatasetError(expected("baseline", wanted, got))
    ours, theirs = (_joined([pair[side] for pair in pairs]) for side in (0, 1))
    blocks = blocks_of(counts, config.block_frames)
    changes = [
        _share(key, hit, theirs_hit, blocks, config)
        for (key, hit), theirs_hit in zip(
            _hits(ours, config).items(), _hits(theirs, config).values(), strict=True
        )
    ]
    for key in _LEAST_ERROR:
        changes += _error(key, ours[key], theirs[key], blocks, config)
    return _holm(changes, config)


def not_compared(now: Frames, baseline: Frames, config: EvaluationConfig) -> list[str]:
    """What the comparison does not speak of, a sentence each."""
    found = []
    for frames, others, who in ((baseline, now, "the baseline"), (now, baseline, "this run")):
        alone = {
            name: len(set(columns["stamp_ns"]) - set(others.get(name, {}).get("stamp_ns", [])))
            for name, columns in frames.items()
        }
        counted = ", ".join(f"{count} of {name}" for name, count in alone.items() if count)
        if counted:
            found.append(f"Not compared, as only {who} has them: {counted} (frames).")
    counts = [len(_common(now[name], baseline[name])[0]["has_fix"]) for name in now
              if name in baseline]  # fmt: skip
    blocks = len(blocks_of(counts, config.block_frames))
    tests = len(recall_thresholds(config)) + 2 + len(_LEAST_ERROR)
    if 2.0 ** (1 - blocks) > config.significance / tests:
        found.append(f"{sum(counts)} frames are too few to compare: any change may be chance.")
    return found


def as_metrics(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """The changes as they stand in metrics.json."""
    return [asdict(change) for change in changes]


def _common(
    now: Mapping[str, Sequence[Any]], baseline: Mapping[str, Sequence[Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    stamps_now, stamps_then = (
        np.array(one["stamp_ns"], dtype=np.int64) for one in (now, baseline)
    )
    _, here, there = np.intersect1d(stamps_now, stamps_then, return_indices=True)
    sides = []
    for columns, rows in ((now, here), (baseline, there)):
        chosen = {
            key: np.array(columns[key], dtype=float)[rows] for key in _LEAST_ERROR
        }  # None becomes NaN
        truth = np.array(
            [place if place is not None else [None] * 3 for place in columns["truth_m"]],
            dtype=float,
        ).reshape(-1, 3)[rows]
        has_fix = np.array(columns["has_fix"], dtype=bool)[rows]
        sides.append({**chosen, "has_fix": has_fix, "truth_m": truth})
    return sides[0], sides[1]


def _joined(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _hits(frames: Mapping[str, Any], config: EvaluationConfig) -> dict[str, NDArray[np.bool_]]:
    position, rotation = frames["position_m"], frames["rotation_deg"]
    false = (position > config.false_fix_m) | (rotation > config.false_fix_deg)
    recalls = {
        recall_name(metres, degrees): (position <= metres) & (rotation <= degrees)
        for metres, degrees in recall_thresholds(config)
    }
    return {"availability": frames["has_fix"], **recalls, "false_fix_share": false}


def _share(
    key: str, ours: Any, theirs: Any, blocks: list[NDArray[np.int64]], config: EvaluationConfig
) -> Change:
    lost = theirs.astype(float) - ours.astype(float)
    if key == "false_fix_share":
        lost, least = -lost, 0.0
    else:
        least = config.worse_share
    chance = _chance(lost, blocks, config)
    worse = bool(lost.mean() > least)
    return Change(
        key, float(theirs.mean()), float(ours.mean()), len(lost), chance, False, worse
    )


def _error(
    key: str, ours: FloatArray, theirs: FloatArray, blocks: list[NDArray[np.int64]],
    config: EvaluationConfig,
) -> list[Change]:  # fmt: skip
    """By the ratio of the errors, as frames differ in how hard they are."""
    both = np.isfinite(ours) & np.isfinite(theirs)
    if not both.any():
        return []
    least = _LEAST_ERROR[key]
    log_then, log_now = (
        np.log(np.maximum(np.where(both, one, 1.0), least)) for one in (theirs, ours)
    )
    grown = log_now - log_then
    before, after = (float(np.exp(one[both].mean())) for one in (log_then, log_now))
    worse = bool(grown[both].mean() > np.log(config.worse_ratio))
    chance = _chance(grown, blocks, config)
    return [Change(key, before, after, int(both.sum()), chance, False, worse)]


def _chance(
    differences: FloatArray, blocks: list[NDArray[np.int64]], config: EvaluationConfig
) -> float:
    """Probability of as large a sum if the sign of each block's were a coin's: of all signs where
    they are few, else of some and those that are there."""
    sums = np.array([differences[block].sum() for block in blocks])
    tolerance = 1e-12 * np.abs(sums).sum()  # the same sum in another order
    is_exact = 2 ** len(sums) <= config.resamples
    if is_exact:
        signs = np.array(list(product((-1.0, 1.0), repeat=len(sums))))
    else:
        rng = np.random.default_rng(config.seed)
        signs = rng.choice([-1.0, 1.0], size=(config.resamples, len(sums)))
    as_large = np.abs(signs @ sums) >= abs(sums.sum()) - tolerance
    there = 0 if is_exact else 1
    return float((there + as_large.sum()) / (there + len(signs)))


def _is_first_false(one: Change) -> bool:
    return one.key == "false_fix_share" and one.baseline == 0.0


def _holm(changes: list[Change], config: EvaluationConfig) -> list[Change]:
    """With what is significant marked; worse is only what is, and a first false fix."""
    order = sorted(range(len(changes)), key=lambda row: changes[row].probability)
    significant = set()
    for place, row in enumerate(order):
        if changes[row].probability > config.significance / (len(changes) - place):
            break
        significant.add(row)
    return [
        Change(
            one.key, one.baseline, one.now, one.frames, one.probability,
            row in significant, one.is_worse and (row in significant or _is_first_false(one)),
        )
        for row, one in enumerate(changes)
    ]  # fmt: skip
