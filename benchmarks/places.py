"""Is the same place found again in another season, at night, by another walk? Recall of places.

Street: every condition against every other, and against the drive that maps are made of. Corridor,
redkitchen, stromovka and the visits of its park: recorded data, see `place_sets` for what counts as
the same place. Hand-made
baselines stand beside the models asked for; `chance` is what a random order gives, `nearest` what
the nearest references would. A query without a right reference is not counted, and their number is
told. Recall@N: a right reference is among the first N; `5 m`: the first reference is right and at
most so far away. Where several databases are asked, a query counts by its mean over them; the
interval is that of drawing blocks of neighbouring queries. Last columns: recall@1 with the last ten
images together, plain and with SeqSLAM's local contrast, where two drives are in step; of the
street with the images of the last 30 m, by odometry. `ms` is processor time of one core per image,
reading included; of labels by a model only where they were not kept in `--work` from before.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from place_combinations import along_the_way, hybrids, in_a_row, label_grids, reranked
from place_methods import (
    LabelSource,
    Method,
    Values,
    by_cosine,
    hand_made,
    label_source,
    of_models,
)
from place_sets import (
    AGAINST_MAP,
    Pair,
    PlaceSet,
    corridor,
    redkitchen,
    street,
    stromovka,
    visits,
)
from place_votes import NAME as VOTES
from place_votes import vote_scores
from reporting import ROOT, SHARED_DATA, arguments, progress, report

from semloc_ros.config import EvaluationConfig
from semloc_ros.errors import ConfigError, expected
from semloc_ros.evaluation import place_recall
from semloc_ros.evaluation.label_figures import save_figure
from semloc_ros.evaluation.place_figures import pairs_figure, recall_figure
from semloc_ros.evaluation.place_recall import Answers, Recall
from semloc_ros.types import FloatArray

SETS = ("street", "redkitchen", "corridor", "stromovka", "visits")
COUNTS = (1, 5, 10)
MOST = 25  # N of the curve
WIDTH = 180  # letters of a table: names of hybrids are long
Scores = dict[Pair, Values]


def main() -> None:
    """Describe, compare, judge, print, draw."""
    options = _arguments()
    cv2.setNumThreads(1)
    sources = [label_source(one, options.work) for one in options.labels]
    methods = hand_made(sources) if options.baselines else []
    of_given, pairs = of_models(options.models, sources)
    methods += of_given
    tables = []
    for name in options.sets:
        one = _place_set(name, options)
        scores, spent = _scores(one, methods)
        _add_hybrids(scores, {way.name: way for way in methods}, [*pairs, *options.hybrid])
        _add_reranked(one, scores, {source.name: source for source in sources}, options.rerank)
        if name == "street" and options.map:
            scores[VOTES] = vote_scores(one, options.map)
        for group, asked in one.groups.items():
            tables.append(_table(one, group, asked, scores, spent))
            if options.figure:
                _draw(one, group, asked, scores, options.figure)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(tables, indent=2))


def _arguments() -> argparse.Namespace:
    parser = arguments(__doc__ or "")
    parser.add_argument("models", nargs="*", help="models and hybrids: names or files; gradients")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--world", type=Path, default=ROOT / "out" / "street")
    parser.add_argument("--camera", default="camera_left", help="of the street")
    parser.add_argument("--map", type=Path, help="of its drive `mapping`: votes of its features")
    parser.add_argument("--data", type=Path, default=SHARED_DATA, help="folder of recorded data")
    parser.add_argument(
        "--labels", nargs="+", default=[], metavar="SOURCE",
        help="truth (street only), or models: what describers of labels get",
    )
    parser.add_argument(
        "--hybrid", nargs=3, action="append", default=[], metavar=("A", "B", "WEIGHT"),
        help="two methods by their name in the table, and the weight of the first",
    )
    parser.add_argument(
        "--rerank", nargs=3, action="append", default=[], metavar=("METHOD", "SOURCE", "WEIGHT"),
        help="its best in a new order by coarse labels of a source (as --labels names it)",
    )
    parser.add_argument("--no-baselines", dest="baselines", action="store_false")
    parser.add_argument("--figure", type=Path, help="figures, their names begin like this")
    return parser.parse_args()


def _place_set(name: str, options: argparse.Namespace) -> PlaceSet:
    if name == "street":
        return street(options.world, options.camera)
    if name == "redkitchen":
        return redkitchen(options.data / name)
    if name == "corridor":
        return corridor(options.data / name)
    if name == "visits":
        return visits(options.data / "stromovka")
    return stromovka(options.data / name)


def _scores(one: PlaceSet, methods: Sequence[Method]) -> tuple[dict[str, Scores], dict[str, float]]:
    """Similarities by method and pair, and milliseconds per image by method, reading included."""
    scores: dict[str, Scores] = {}
    spent = {}
    for method in methods:
        if not all(method.fits(shots) for shots in one.drives.values()):
            continue
        start, values = time.process_time(), {}
        with progress() as bar:
            for drive, shots in one.drives.items():
                tracked = bar.track(shots, description=f"{one.name} {drive}: {method.name}")
                values[drive] = np.stack([method.describe(shot) for shot in tracked])
        count = sum(map(len, values.values()))
        spent[method.name] = 1e3 * (time.process_time() - start) / count
        pairs = {pair for group in one.groups.values() for pair in group}
        scores[method.name] = _compared(method, values, sorted(pairs))
    return scores, spent


def _compared(method: Method, values: dict[str, Values], pairs: Sequence[Pair]) -> Scores:
    """Similarities of all pairs; of symmetric ones the other way round from the first."""
    found: Scores = {}
    for query, database in pairs:
        if method.symmetric and (database, query) in found:
            found[query, database] = found[database, query].T
        else:
            found[query, database] = method.similarity(values[query], values[database])
    return found


def _add_hybrids(
    scores: dict[str, Scores], methods: dict[str, Method], asked: Sequence[Sequence[str]]
) -> None:
    """The hybrids asked for, of methods that this set has."""
    for first, second, weight in asked:
        _check_known("--hybrid", (first, second), methods)
        if first not in scores or second not in scores:
            continue
        cosines = all(methods[name].similarity is by_cosine for name in (first, second))
        for pair in scores[first]:
            both = scores[first][pair], scores[second][pair]
            for way, found in hybrids(*both, float(weight), cosines).items():
                scores.setdefault(f"{first} + {second}, {way}", {})[pair] = found


def _add_reranked(
    one: PlaceSet, scores: dict[str, Scores], sources: dict[str, LabelSource],
    asked: Sequence[Sequence[str]],
) -> None:
    """The re-ranked methods asked for, where this set has such labels."""
    for name, source, weight in asked:
        _check_known("--rerank", (source,), sources)
        given = sources[source]
        if name not in scores or not all(given.has(shots) for shots in one.drives.values()):
            continue
        grids = {drive: label_grids(shots, given) for drive, shots in one.drives.items()}
        scores[f"{name}, re-ranked ({source})"] = {
            pair: reranked(found, grids[pair[0]], grids[pair[1]], float(weight))
            for pair, found in scores[name].items()
        }


def _check_known(option: str, names: Sequence[str], known: Mapping[str, object]) -> None:
    for name in names:
        if name not in known:
            raise ConfigError(expected(option, f"one of {', '.join(known)}", name))


def _table(
    one: PlaceSet, group: str, pairs: Sequence[Pair], scores: dict[str, Scores],
    spent: dict[str, float],
) -> dict[str, Any]:
    """Prints the table of a group of pairs; returns it with the recalls of each pair."""
    drives = list(dict.fromkeys(query for query, _ in pairs))
    split = drives if len(drives) > 1 else []
    ats = [f"{distance:g} {one.unit}" for distance in one.at_distances]
    several = _several(one, group)
    columns = (
        "method", *split, "recall@1", "interval", *(f"@{n}" for n in COUNTS[1:]), *ats, *several,
        "ms",
    )  # fmt: skip
    best = {pair: place_recall.perfect_answers(one.truth_of(pair)) for pair in pairs}
    rows = [
        (name, *row, *("" for _ in several), "")
        for name, row in (
            ("chance", _chance_row(one, pairs, split)), ("nearest", _row(one, best, split))
        )
    ]  # fmt: skip
    by_pair = {}
    for name, found in _of_pairs(scores, pairs).items():
        answers = {pair: place_recall.answers_of(found[pair], one.truth_of(pair)) for pair in pairs}
        together = [_recall_at_1(one, found, pairs, way) for way in several.values()]
        rows.append((name, *_row(one, answers, split), *together, spent.get(name, "")))
        by_pair[name] = {" in ".join(pair): _pair_recalls(answers[pair]) for pair in pairs}
    uncounted = sum(int((~one.truth_of(pair).counted).sum()) for pair in pairs)
    facts = {
        "same place": one.about.removeprefix("same place: "),
        "queries": sum(len(one.drives[drive]) for drive in drives),
        "asked": sum(len(one.drives[query]) for query, _ in pairs),
        "of these without any right reference, not counted": uncounted,
    }
    title = f"{one.name} {group}".strip()
    report(title, columns, rows, None, width=WIDTH, **facts)
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    return {"title": title, "rows": records, "facts": facts, "pairs": by_pair}


def _of_pairs(scores: dict[str, Scores], pairs: Sequence[Pair]) -> dict[str, Scores]:
    """The methods that were asked in all these pairs."""
    return {name: one for name, one in scores.items() if all(pair in one for pair in pairs)}


def _several(one: PlaceSet, group: str) -> dict[str, Callable[[Values, Pair], FloatArray]]:
    """By column, what takes several images of the queries together."""
    if one.in_step:
        return {
            "10 in a row": lambda found, pair: in_a_row(found, False),
            "and contrast": lambda found, pair: in_a_row(found, True),
        }
    if group == AGAINST_MAP:
        drives = one.drives
        return {
            "30 m": lambda found, pair: along_the_way(found, drives[pair[0]], drives[pair[1]])
        }
    return {}


def _recall_at_1(
    one: PlaceSet, found: Scores, pairs: Sequence[Pair],
    way: Callable[[Values, Pair], FloatArray],
) -> float:
    """Percent, of several images together."""
    answers = {
        pair: place_recall.answers_of(way(found[pair], pair), one.truth_of(pair)) for pair in pairs
    }
    hits = {pair: place_recall.hits_at_count(one, 1) for pair, one in answers.items()}
    return 100 * place_recall.recall_of(list(_by_drive(hits).values()), EvaluationConfig()).share


def _row(one: PlaceSet, answers: dict[Pair, Answers], split: Sequence[str]) -> tuple[Any, ...]:
    """Recalls in percent: @1 by drive, then of all, the interval, @N, and by distance."""
    config = EvaluationConfig()

    def recall(hits: dict[Pair, FloatArray]) -> Recall:
        return place_recall.recall_of(list(_by_drive(hits).values()), config)

    first = {pair: place_recall.hits_at_count(found, 1) for pair, found in answers.items()}
    each = _by_drive(first)
    parts = [100 * place_recall.recall_of([each[drive]], config).share for drive in split]
    whole = recall(first)
    others = [
        recall({pair: place_recall.hits_at_count(found, n) for pair, found in answers.items()})
        for n in COUNTS[1:]
    ] + [
        recall({pair: place_recall.hits_at_distance(found, d) for pair, found in answers.items()})
        for d in one.at_distances
    ]
    interval = f"{100 * whole.low:.0f} to {100 * whole.high:.0f}"
    return (*parts, 100 * whole.share, interval, *(100 * found.share for found in others))


def _chance_row(
    one: PlaceSet, pairs: Sequence[Pair], split: Sequence[str]
) -> tuple[Any, ...]:
    """The same columns for references in random order."""

    def mean(values: dict[Pair, FloatArray], drive: str = "") -> float:
        each = _by_drive(values)
        chosen = [each[drive]] if drive else list(each.values())
        return 100 * float(np.nanmean(np.concatenate(chosen)))

    truths = {pair: one.truth_of(pair) for pair in pairs}
    at = {
        n: {pair: place_recall.chance_at_count(truth, n) for pair, truth in truths.items()}
        for n in COUNTS
    }
    near = [
        {pair: place_recall.chance_at_distance(truth, d) for pair, truth in truths.items()}
        for d in one.at_distances
    ]
    parts = [mean(at[1], drive) for drive in split]
    return (
        *parts, mean(at[1]), "", *(mean(at[n]) for n in COUNTS[1:]), *(mean(d) for d in near)
    )  # fmt: skip


def _by_drive(hits: dict[Pair, FloatArray]) -> dict[str, FloatArray]:
    """Mean hits of each query over the databases, by the queries' drive."""
    drives = dict.fromkeys(query for query, _ in hits)
    return {
        drive: place_recall.over_databases([one for pair, one in hits.items() if pair[0] == drive])
        for drive in drives
    }


def _pair_recalls(answers: Answers) -> dict[str, float]:
    return {
        f"recall@{n}": float(np.nanmean(place_recall.hits_at_count(answers, n))) for n in COUNTS
    }


def _draw(
    one: PlaceSet, group: str, pairs: Sequence[Pair], scores: dict[str, Scores], prefix: Path
) -> None:
    """The recall curves of a group and, of several pairs, recall@1 of each."""
    counts, distances = np.arange(1, MOST + 1), np.linspace(0.0, one.reach, 101)
    truths = [one.truth_of(pair) for pair in pairs]
    answers = {
        name: [place_recall.answers_of(found[pair], one.truth_of(pair)) for pair in pairs]
        for name, found in _of_pairs(scores, pairs).items()
    }
    curves = {
        name: place_recall.curves_of(found, counts, distances) for name, found in answers.items()
    }
    chance = place_recall.chance_curves(truths, counts, distances)
    perfect = place_recall.curves_of(
        [place_recall.perfect_answers(truth) for truth in truths], counts, distances
    )
    stem = "_".join([prefix.stem, one.name, *group.split()])
    figure = recall_figure(curves, chance, perfect, one.unit)
    save_figure(figure, prefix.with_name(f"{stem}.png"))
    drives = list(dict.fromkeys(query for query, _ in pairs))
    if {database for _, database in pairs} == set(drives):
        tables = {name: _square(found, pairs, drives) for name, found in answers.items()}
        save_figure(pairs_figure(tables, drives), prefix.with_name(f"{stem}_each.png"))


def _square(answers: Sequence[Answers], pairs: Sequence[Pair], drives: Sequence[str]) -> FloatArray:
    """Recall@1 (C, C): queries in rows, databases in columns."""
    table = np.full((len(drives), len(drives)), np.nan)
    for (query, database), found in zip(pairs, answers, strict=True):
        at = drives.index(query), drives.index(database)
        table[at] = _pair_recalls(found)["recall@1"]
    return table


if __name__ == "__main__":
    main()
