"""Localization on odometry, with and without labels, on the street: runs of all frames.

Each label set is a labelled map and the label maps of the query runs (TRAVERSAL/CAMERA/000000.png):

    semloc world labels out/street --kind subclasses --errors 0.2 --out out/sub20
    semloc map label out/benchmarks/street --labels out/sub20/mapping --out out/map_sub20
    python benchmarks/street_filter.py --set sub20 out/map_sub20 out/sub20

Methods are those of the localizer node; `pnp` needs no labels (models of places may) and runs once.
Every frame counts, also those without a fix. `--inject` spoils every run; `--places` are as for
`semloc evaluate`: models whose descriptors the maps have, a pose network of the map, or an oracle.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from reporting import label_sets, progress, report
from street_seasons import CONDITIONS

from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.config import EvaluateConfig
from semloc_ros.evaluation.conditions import load_conditions
from semloc_ros.evaluation.metrics import compute_metrics
from semloc_ros.evaluation.running import predict
from semloc_ros.evaluation.sources import Job
from semloc_ros.localization.parts import make_localizer
from semloc_ros.maps.storage import load_map
from semloc_ros.options import from_mapping

KEYS = (
    ("recall_0.25m_2deg", 100.0), ("recall_0.5m_5deg", 100.0), ("recall_5m_10deg", 100.0),
    ("availability", 100.0), ("false_fix_rate", 100.0), ("position_median_m", 100.0),
    ("position_p95_m", 100.0), ("coverage95", 100.0), ("time_to_first_fix_s", 1.0),
    ("longest_outage_s", 1.0), ("recovery_max_s", 1.0),
)  # fmt: skip
COLUMNS = (
    "labels", "method", "condition", "frames", "0.25 m 2° %", "0.5 m 5° %", "5 m 10° %",
    "fixes %", "false %", "median cm", "p95 cm", "in 95 %", "first fix s", "outage s",
    "recovery s", "CPU ms",
)  # fmt: skip


def main() -> None:
    """One row for each set, method and condition, and one for all conditions together."""
    options = parsed()
    rows: list[list[Any]] = []
    with progress() as bar:
        for number, (name, folder, labels) in enumerate(options.set):
            methods = [one for one in options.methods if number == 0 or one != "pnp"]
            for method in methods:
                of_method = [
                    run(name, method, condition, Path(folder), labels, options)
                    for condition in bar.track(options.conditions, description=f"{name} {method}")
                ]
                rows += [*of_method, together(of_method)]
    facts = {"faults": options.inject, "places": options.places, "options": options.options}
    report("Street, all frames on odometry", COLUMNS, rows, options.json, **facts)


def parsed() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = label_sets(__doc__ or "")
    parser.add_argument("--methods", nargs="+", default=["pnp", "ssmc", "pfsl", "auto"])
    parser.add_argument("--conditions", nargs="+", default=CONDITIONS[1:], choices=CONDITIONS)
    parser.add_argument("--camera", default="camera_left")
    parser.add_argument("--inject", default="", help="faults, as of semloc evaluate")
    parser.add_argument("--places", default="", help="places, as of semloc evaluate")
    parser.add_argument(
        "--options", nargs="*", default=[], metavar="NAME=VALUE", help="parameters of the localizer"
    )
    return parser.parse_args()


def run(
    name: str, method: str, condition: str, folder: Path, labels: str, options: argparse.Namespace
) -> list[Any]:
    """Predict and judge one run."""
    topics = {f"topics.{one}": f"/{options.camera}/{one}" for one in ("image_raw", "camera_info")}
    topics["topics.image"] = topics.pop("topics.image_raw")
    values = {**topics, "map": str(folder), "method": method, "thumbnail_width": 0}
    values |= parse_assignments(options.options)
    config = from_mapping(EvaluateConfig, values)
    source = f"{labels}/{condition}@{options.world}/frames/{condition}"
    job = Job(
        options.world / condition, "/ground_truth/pose", (options.inject,), places=options.places
    )
    if method != "pnp" or options.places:
        job = replace(job, labels=source)
    out = options.work / "street_filter" / name / method / condition
    predict(job, make_localizer(load_map(folder), config), config, out)
    (one,) = load_conditions(out, config.evaluation)
    metrics = compute_metrics(one.run, one.judged, config.evaluation, one.about)
    found = [metrics.get(key) for key, _ in KEYS]
    numbers = [
        "" if value is None else value * scale
        for value, (_, scale) in zip(found, KEYS, strict=True)
    ]
    frames = int(metrics["frames"])
    cpu_ms = 1e3 * float(one.about["cpu_s"]) / frames
    return [name if method != "pnp" else "none", method, condition, frames, *numbers, cpu_ms]


def together(rows: list[list[Any]]) -> list[Any]:
    """Means over the conditions, weighed by frames; the worst of the times."""
    frames = sum(row[3] for row in rows)
    shares = [
        sum(row[3] * float(row[place] or 0.0) for row in rows) / frames for place in range(4, 9)
    ]
    worst = [max((row[place] for row in rows if row[place] != ""), default="") for place in
             range(12, 15)]
    cpu_ms = sum(row[3] * row[15] for row in rows) / frames
    return [*rows[0][:2], "all", frames, *shares, "", "", "", *worst, cpu_ms]


if __name__ == "__main__":
    main()
