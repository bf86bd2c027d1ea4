"""Do networks that regress poses need masks? Training and test with and without, and all numbers.

Cimarelli et al. (AVSS 2019), section 5.2: UT/UT, UT/MT, MT/UT and MT/MT (unmasked or masked
training / test). The paper has one network of each training; here are several, as their seeds make
a difference too. Numbers are of the errors of all networks of a training together. Intervals are of
a bootstrap that draws networks and blocks of neighbouring images (of several networks: two or three
say little of all that could be trained, so intervals are rather too narrow). All four are drawn
alike, and networks of both trainings as pairs of one seed, so their differences have intervals of
their own; whether masks help rests on these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from semloc_ros.config.pose_study import PoseStudyConfig
from semloc_ros.errors import ConfigError, expected
from semloc_ros.evaluation.intervals import blocks_of
from semloc_ros.evaluation.pose_errors import COMBINATIONS, Study
from semloc_ros.types import FloatArray

KINDS = {"position": "m", "rotation": "°"}
STATISTICS = ("median", "mean")
FIRST = "UT/UT"  # what the others are held against
OWN_SIDE = ("UT/UT", "MT/MT")  # tested as they were trained
_LEAST_BLOCKS = 5  # of the size that was asked for
_AT_ONCE = 4_000_000  # weights of a bootstrap in memory
Number = dict[str, Any]  # "value" and "interval", lower and upper bound


def judged(study: Study, config: PoseStudyConfig) -> Number:
    """All numbers: `all` images, `groups` of them by masked share, `correlation` (see there), and
    `guess`: by kind median and mean of one guess for all images, None where it is not known.

    Of each: by combination and kind of error `median` and `mean` with their intervals; `by_model`
    the medians of each network alone; `in_first` as the paper asks it: whether the median lies in
    the interval of UT/UT's. `against` UT/UT: the differences of `median` and `mean`; `paired`, the
    median of the differences of each image and pair of networks, and `by_pair` that of each pair;
    `better`, the share of images and pairs whose error is smaller. Of fewer images than a block
    has no interval tells anything: None.
    """
    weights = _Weights(study, config)
    everything = np.ones(len(study.names), np.bool_)
    found = {"images": len(study.names), "all": _numbers(study, weights, everything)}
    found["groups"] = {
        label: {"images": int(chosen.sum()), **_numbers(study, weights, chosen)}
        for label, chosen in share_groups(study.masked_share, config.masked_shares).items()
        if chosen.any()
    }
    found["correlation"] = _correlations(study, weights)
    found["guess"] = _guess(study, weights)
    return found


def share_groups(masked_share: FloatArray, bounds: str) -> dict[str, NDArray[np.bool_]]:
    """Which images (N,) have how much masked: by the words for it, e.g. `5 to 15 %`; see
    `share_bounds`."""
    edges = share_bounds(bounds)
    percent = [f"{100 * edge:g}" for edge in edges]
    words = [f"0 to {percent[0]} %"]
    words += [f"{low} to {high} %" for low, high in zip(percent, percent[1:], strict=False)]
    group = np.digitize(masked_share, edges, right=True)
    return {word: group == at for at, word in enumerate([*words, f"over {percent[-1]} %"])}


def share_bounds(text: str) -> list[float]:
    """Bounds from their words; ConfigError unless they are rising shares."""
    try:
        edges = [float(word) for word in text.split()]
    except ValueError:
        edges = []
    if not edges or not all(a < b for a, b in zip([0.0, *edges], [*edges, 1.0], strict=True)):
        raise ConfigError(expected("masked_shares", "rising numbers between 0 and 1", text))
    return edges


def unlearned(numbers: Mapping[str, Any]) -> list[str]:
    """The combinations, UT/UT and MT/MT, whose positions are not clearly better than one guess:
    the interval of their median (or it, if there is none) is not below that of the guess."""
    if numbers["guess"] is None:
        return []
    bar = numbers["guess"]["position"]["median"]["value"]
    medians = {one: numbers["all"][one]["position"]["median"] for one in OWN_SIDE}
    return [
        name for name, median in medians.items()
        if not (median["interval"] or [median["value"]])[-1] < bar
    ]  # fmt: skip


def doubts(study: Study, numbers: Mapping[str, Any], config: PoseStudyConfig) -> list[str]:
    """What makes the comparison say little, in sentences; `numbers` are those of `judged`."""
    found = []
    for name in unlearned(numbers):
        median, guess = (one["position"]["median"]["value"]
                         for one in (numbers["all"][name], numbers["guess"]))  # fmt: skip
        found.append(f"Networks of {name} ({median:.2f} m) are not clearly better than one guess "
                     f"for all images ({guess:.2f} m): they learned too little to tell anything "
                     "of masks.")  # fmt: skip
    found += _few_images(len(study.names), config.block_images)
    plain, masked = study.errors("UT/UT", "position"), study.errors("MT/UT", "position")
    if any(np.array_equal(one, other) for one in plain for other in masked):
        found.append("Networks trained with and without masks err alike to the last digit: in "
                     "their training images nothing was masked.")  # fmt: skip
    if not study.masked_share.any():
        found.append("Nothing is masked in any test image.")
    if min(len(plain), len(masked)) == 1:
        found.append("With one network each, nothing tells what another seed would give.")
    return found


def _few_images(count: int, block: int) -> list[str]:
    if count >= _LEAST_BLOCKS * block:
        return []
    why = "there are no intervals" if count < block else "blocks are shorter, intervals too narrow"
    return [f"{count} test images are fewer than {_LEAST_BLOCKS} blocks of {block} "
            f"(block_images): {why}."]  # fmt: skip


class _Weights:
    """How often each draw of the bootstrap takes each image (R, N), and each of the networks of
    each training (R, S): in `pairs`, in their order, if there are as many of both."""

    def __init__(self, study: Study, config: PoseStudyConfig) -> None:
        rng = np.random.default_rng(config.seed)
        counts = [len(list(part)) for _, part in groupby(map(_folder, study.names))]
        blocks = blocks_of(counts, config.block_images)
        block_of = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
        self.least = config.block_images
        self.tail = (1 - config.confidence) / 2
        self.images = _drawn(rng, config.resamples, len(blocks))[:, block_of]
        plain, masked = (len(study.models(f"{word}/UT")) for word in ("UT", "MT"))
        drawn = _drawn(rng, config.resamples, plain)
        self.pairs = plain == masked
        others = drawn if self.pairs else _drawn(rng, config.resamples, masked)
        self.networks = {False: drawn, True: others}

    def bounds(self, drawn: FloatArray, images: int) -> list[float] | None:
        """The interval of what was drawn (R,) of so many images; None where they are fewer than a
        block has, and where no draw says anything."""
        known = drawn[np.isfinite(drawn)]
        if not len(known) or images < self.least:
            return None
        return [float(one) for one in np.quantile(known, [self.tail, 1 - self.tail])]


def _drawn(rng: np.random.Generator, resamples: int, count: int) -> NDArray[np.int64]:
    return rng.multinomial(count, np.full(count, 1 / count), size=resamples)


def _folder(name: str) -> str:
    return str(PurePosixPath(name).parent)


def _numbers(study: Study, weights: _Weights, chosen: NDArray[np.bool_]) -> Number:
    found: Number = {}
    drawn: dict[tuple[str, str, str], FloatArray] = {}
    images = int(chosen.sum())
    for combination, (trained, _) in COMBINATIONS.items():
        found[combination] = {}
        for kind in KINDS:
            errors = study.errors(combination, kind)[:, chosen]
            each = _statistics(errors, weights.networks[trained], weights.images[:, chosen])
            values = {"median": float(np.median(errors)), "mean": float(errors.mean())}
            drawn.update({(combination, kind, name): each[name] for name in STATISTICS})
            found[combination][kind] = {
                name: {"value": values[name], "interval": weights.bounds(each[name], images)}
                for name in STATISTICS
            } | {"by_model": [float(one) for one in np.median(errors, axis=1)]}
    for combination in COMBINATIONS:
        for kind in KINDS:
            _hold_against(found, drawn, partial(weights.bounds, images=images), combination, kind)
            if combination != FIRST:
                found[combination][kind]["against"] |= _paired(
                    study.errors(combination, kind)[:, chosen],
                    study.errors(FIRST, kind)[:, chosen], weights,
                    weights.networks[COMBINATIONS[combination][0]], weights.images[:, chosen],
                )  # fmt: skip
    return found


def _paired(
    own: FloatArray, first: FloatArray, weights: _Weights, networks: NDArray[np.int64],
    images: NDArray[np.int64],
) -> Number:  # fmt: skip
    """What errors (S, N) differ by from those of UT/UT (T, N), image by image: of pairs of
    networks, or of each with each where there are not as many of both."""
    if weights.pairs:
        less, drawn = own - first, networks
    else:
        less = (own[:, None] - first).reshape(-1, own.shape[1])
        both = networks[:, :, None] * weights.networks[False][:, None]
        drawn = both.reshape(len(both), -1)
    medians = _statistics(less, drawn, images)["median"]
    return {
        "paired": {
            "value": float(np.median(less)),
            "interval": weights.bounds(medians, less.shape[1]),
        },
        "by_pair": [float(one) for one in np.median(less, axis=1)],
        "better": float((less < 0).mean()),
    }


def surely(against: Mapping[str, Any]) -> str:
    """`smaller` or `larger` if the interval of the paired differences says so and each pair of
    networks does too; nothing otherwise."""
    bounds, each = against["paired"]["interval"], against["by_pair"]
    if bounds and bounds[1] < 0 and max(each) < 0:
        return "smaller"
    return "larger" if bounds and bounds[0] > 0 and min(each) > 0 else ""


def _hold_against(
    found: Number, drawn: Mapping[tuple[str, str, str], FloatArray],
    bounds_of: Callable[[FloatArray], list[float] | None], combination: str, kind: str,
) -> None:  # fmt: skip
    """Add what differs from UT/UT."""
    if combination == FIRST:
        return
    own, first = found[combination][kind], found[FIRST][kind]
    own["against"] = {
        name: {
            "value": own[name]["value"] - first[name]["value"],
            "interval": bounds_of(drawn[combination, kind, name] - drawn[FIRST, kind, name]),
        }
        for name in STATISTICS
    }
    bounds = first["median"]["interval"]
    own["in_first"] = bounds and bounds[0] <= own["median"]["value"] <= bounds[1]


def _statistics(
    errors: FloatArray, networks: NDArray[np.int64], images: NDArray[np.int64]
) -> dict[str, FloatArray]:
    """Median and mean (R,) of errors (S, N), in each draw as often as it takes the network (R, S)
    times the image (R, N); NaN where nothing is taken."""
    order = np.argsort(errors, axis=None)
    ordered, last = errors.ravel()[order], errors.size - 1
    medians, means = [], []
    for rows in np.array_split(np.arange(len(images)), 1 + images.size * len(errors) // _AT_ONCE):
        weights = networks[rows, :, None] * images[rows, None, :]
        sums = np.cumsum(weights.reshape(len(rows), -1)[:, order], axis=1)
        total = sums[:, -1]
        lower = (2 * sums < total[:, None]).sum(axis=1)
        upper = np.minimum((2 * sums <= total[:, None]).sum(axis=1), last)
        with np.errstate(invalid="ignore"):
            means.append((weights * errors).sum(axis=(1, 2)) / total)
        median = (ordered[lower] + ordered[upper]) / 2
        medians.append(np.where(total > 0, median, np.nan))
    return {"median": np.concatenate(medians), "mean": np.concatenate(means)}


def _guess(study: Study, weights: _Weights) -> Number | None:
    if study.guess is None:
        return None
    found: Number = {}
    once = np.ones((len(weights.images), 1), np.int64)
    for kind, errors in study.guess.items():
        drawn = _statistics(errors[None], once, weights.images)
        values = {"median": float(np.median(errors)), "mean": float(errors.mean())}
        found[kind] = {
            name: {"value": values[name], "interval": weights.bounds(drawn[name], len(errors))}
            for name in STATISTICS
        }
    return found


def _correlations(study: Study, weights: _Weights) -> Number:
    """By combination and kind: the rank correlation (Spearman) of masked share and error (mean of
    the networks) over images; None where all are the same. Ranks are those of all images, in every
    draw."""
    shares = rankdata(study.masked_share)
    found: Number = {}
    for combination in COMBINATIONS:
        found[combination] = {}
        for kind in KINDS:
            errors = rankdata(study.errors(combination, kind).mean(axis=0))
            value = float(_pearson(shares, errors, np.ones((1, len(shares))))[0])
            drawn = _pearson(shares, errors, weights.images)
            found[combination][kind] = {
                "value": value if np.isfinite(value) else None,
                "interval": weights.bounds(drawn, len(shares)),
            }  # fmt: skip
    return found


def _pearson(a: FloatArray, b: FloatArray, weights: NDArray[Any]) -> FloatArray:
    """Correlation (R,) of a and b (N,) by weights (R, N); NaN where one of them does not vary."""
    share = weights / weights.sum(axis=1, keepdims=True)
    left, right = a - (share @ a)[:, None], b - (share @ b)[:, None]
    spread = (share * left**2).sum(axis=1) * (share * right**2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((share * left * right).sum(axis=1) / np.sqrt(spread))
