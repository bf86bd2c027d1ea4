"""Each fault of `semloc evaluate --inject` on one bag: availability, false fixes and recovery.

The claim: whatever is done to the images, the odometry or the clock, the localizer loses fixes and
says so, but publishes no false one, and finds the robot again. Recovery is from the end of a fault
that passes (a clock's jump has ended when it begins) to the first good fix after it, of several the
longest; where all of a run is spoiled there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reporting import arguments, progress, report

from semloc_ros.config import EvaluateConfig
from semloc_ros.evaluation.conditions import load_conditions
from semloc_ros.evaluation.faults import KINDS, parse_faults
from semloc_ros.evaluation.metrics import compute_metrics
from semloc_ros.evaluation.outages import outages
from semloc_ros.evaluation.predictions import Run
from semloc_ros.evaluation.running import predict
from semloc_ros.evaluation.sources import Job
from semloc_ros.localization.parts import make_localizer
from semloc_ros.maps.storage import load_map
from semloc_ros.options import from_mapping

FAULTS = (
    "", "drop=0.2", "delay=0.3", "blackout@20=3s", "occlude=0.5", "crowd=6", "kidnap@20=5s",
    "clockjump@20", "nan_odom@20", "odom_dropout@20", "blur=9", "exposure=0.3",
    "drop=0.2 crowd=4 kidnap@20=5s odom_dropout@30",
)  # fmt: skip
COLUMNS = (
    "fault", "availability %", "false fixes %", "recovery s", "recovery m", "longest outage s",
    "median cm", "p95 cm", "in 95 % ellipsoid",
)  # fmt: skip
KEYS = (
    ("availability", 100.0), ("false_fix_rate", 100.0), ("recovery_max_s", 1.0),
    ("recovery_max_m", 1.0), ("longest_outage_s", 1.0), ("position_median_m", 100.0),
    ("position_p95_m", 100.0), ("coverage95", 100.0),
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    parser = arguments(str(__doc__).splitlines()[0])
    parser.add_argument("--bag", type=Path, required=True)
    parser.add_argument("--map", type=Path, required=True)
    parser.add_argument("--truth", default="/ground_truth/pose")
    parser.add_argument("--features", type=int, default=1000)
    given = parser.parse_args(argv)
    options = {"map": str(given.map), "features.max_features": given.features}
    config = from_mapping(EvaluateConfig, {**options, "thumbnail_width": 0})
    semantic_map = load_map(given.map)
    rows = []
    with progress() as bar:
        for number, fault in enumerate(bar.track(FAULTS, description="faults")):
            folder = given.work / "faults" / str(number)
            job = Job(given.bag, given.truth, (fault,))
            predict(job, make_localizer(semantic_map, config), config, folder)
            rows.append([fault or "none", *_numbers(folder, config, fault)])
    report(f"faults, {given.bag.name}", COLUMNS, rows, given.json)


def _numbers(folder: Path, config: EvaluateConfig, fault: str) -> list[float | str]:
    (one,) = load_conditions(folder, config.evaluation)
    metrics = compute_metrics(one.run, one.judged, config.evaluation, one.about)
    ends = {"kidnaps_ns": _ends(one.run, fault)}  # recovery from each, as after a kidnap
    metrics.update(outages(one.run, one.judged, config.evaluation, ends))
    return ["" if metrics[key] is None else metrics[key] * scale for key, scale in KEYS]


def _ends(run: Run, words: str) -> list[int]:
    """When the faults that pass are over, by the stamps of the recording."""
    first = run.frames_ns[:1] if run.odometry is None else run.odometry.stamps_ns[:1]
    began = int(min(first[0], run.frames_ns[0]))
    return [
        began + round((fault.start_s + (fault.value if KINDS[fault.name].lasts else 0.0)) * 1e9)
        for fault in parse_faults([words])
        if KINDS[fault.name].lasts or fault.name == "clockjump"
    ]


if __name__ == "__main__":
    main()
