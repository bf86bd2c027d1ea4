"""`semloc demo`: a robot in a crowded synthetic gallery is localized over ROS 2, and judged.

World → map → nodes → replay → record → ablation → metrics → report; what is there already is
reused. All nodes take part: masks of visitors, labels, places, objects, and the localizer with its
particle filter. What they sent is recorded, and the same drive is localized without each of them.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from semloc_ros.cli import demo_map, demo_nodes
from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.cli.demo_ablation import ablate
from semloc_ros.cli.processes import end_like_ctrl_c
from semloc_ros.config import DemoConfig, GoalsConfig
from semloc_ros.options import from_mapping

if TYPE_CHECKING:
    from semloc_ros.evaluation.ablation import Variant
    from semloc_ros.evaluation.goals import Goal, Outcome

_console = Console(highlight=False)


def demo(
    out: Path = typer.Option(Path("out/demo"), help="Folder of the world, the map and the result."),
    set_: list[str] = typer.Option(
        [], "--set", metavar="NAME=VALUE", help="An option of the demo, e.g. world.columns=3."
    ),
) -> None:
    """Make a world and a map, localize a robot in it over ROS 2, write metrics and a report."""
    config = from_mapping(DemoConfig, parse_assignments(set_))
    end_like_ctrl_c()
    outcomes = run_demo(config, out)
    if not all(outcome.ok for outcome in outcomes):
        raise typer.Exit(1)


def run_demo(config: DemoConfig, out: Path) -> list[Outcome]:
    """The whole demo in folder `out`; the outcome of each goal."""
    demo_map.check_gallery(config)
    demo_map.check_models(config)
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with _step("1/5 world", out / "world") as notes:
        notes.append("made" if demo_map.make_world(config, out / "world") else "there already")
    with _step("2/5 map", out / "map") as notes:
        notes.append("built" if demo_map.make_map(config, out) else "there already")
    pace = "real rate" if config.rate == 1.0 else f"{config.rate:g} of the real rate"
    with _step(f"3/5 localize over ROS 2, at {pace}", out / "predictions"):
        _localize(config, out)
    with _step("4/5 what each part buys", out / "ablation") as notes:
        variants = ablate(config, out)
        notes.append(f"{len(variants)} variants")
    with _step("5/5 judge", out / "report.html"):
        outcomes = judge_predictions(config, out, variants)
    _print_outcomes(outcomes)
    _console.print(f"report: {out / 'report.html'} ({time.monotonic() - began:.0f} s in all)")
    return outcomes


def goals_of(config: GoalsConfig) -> list[Goal]:
    """The goals as bounds on metrics."""
    from semloc_ros.evaluation.goals import Goal

    return [
        Goal("availability", "frames with a fix", low=config.min_availability, scale=100, unit="%"),
        Goal(
            "position_median_m", "position error, median", high=config.max_position_median_m,
            scale=100, unit="cm",
        ),
        Goal(
            "rotation_median_deg", "rotation error, median", high=config.max_rotation_median_deg,
            unit="deg",
        ),
        Goal(
            "position_max_tracking_m", "position error, worst",
            high=config.max_position_tracking_m, scale=100, unit="cm",
        ),
        Goal("false_fix_rate", "false fixes", high=config.max_false_fix_rate, scale=100, unit="%"),
        Goal("poses_without_truth", "poses not judged", high=config.max_poses_without_truth),
        Goal(
            "tf_coverage", "frames with a tf", low=config.min_tf_coverage, scale=100, unit="%"
        ),
        Goal(
            "tf_position_median_m", "position by tf, median",
            high=config.max_tf_position_median_m, scale=100, unit="cm",
        ),
        Goal("tf_max_gap_s", "tf, longest silence", high=config.max_tf_gap_s, unit="s"),
        Goal("tf_rate_hz", "tf map → odom", low=config.min_tf_rate_hz, unit="Hz"),
        Goal(
            "coverage95", "inside 95 % ellipsoid", low=config.min_coverage95,
            high=config.max_coverage95, scale=100, unit="%",
        ),
    ]  # fmt: skip


def judge_predictions(
    config: DemoConfig, out: Path, variants: Sequence[Variant] = ()
) -> list[Outcome]:
    """Metrics, figures and report of `out`/predictions, with what the nodes saw and `variants`."""
    from semloc_ros.cli.demo_report import sections_of_nodes
    from semloc_ros.evaluation.ablation_page import ablation_sections
    from semloc_ros.evaluation.goals import check_goals
    from semloc_ros.evaluation.judging import judge
    from semloc_ros.evaluation.metrics import compute_metrics, write_metrics
    from semloc_ros.evaluation.predictions import load_run
    from semloc_ros.evaluation.report import write_figures, write_report
    from semloc_ros.maps.storage import load_map

    run = load_run(out / "predictions")
    judged = judge(run, config.evaluation)
    metrics = compute_metrics(run, judged, config.evaluation)
    outcomes = check_goals(metrics, goals_of(config.goals))
    points_map = load_map(out / "map", verify=False).points_map
    write_metrics(metrics, out / "metrics.json")
    write_figures(out / "plots", run, judged, points_map)
    title = "A robot in the crowded gallery, localized over ROS 2"
    more = [*sections_of_nodes(config, out), *ablation_sections(variants)]
    write_report(out / "report.html", title, run, judged, metrics, outcomes, points_map, more)
    return outcomes


def _localize(config: DemoConfig, out: Path) -> None:
    from semloc_ros.evaluation.reference import reference_from_bag

    for stale in (out / "metrics.json", out / "report.html"):
        stale.unlink(missing_ok=True)  # of an earlier run: must not pass for this one's
    shutil.rmtree(out / "ablation", ignore_errors=True)
    query, predictions = out / "world" / "query", out / "predictions"
    reference_from_bag(
        query, demo_nodes.IMAGE, demo_nodes.TRUTH, predictions, demo_nodes.ODOMETRY
    )
    demo_nodes.localize_bag(config, query, out, predictions)


@contextmanager
def _step(name: str, result: Path) -> Iterator[list[str]]:
    """Say what is done, and afterwards what came of it (with the notes given) and how long."""
    _console.print(f"[bold]{name}[/]")
    began = time.monotonic()
    notes: list[str] = []
    yield notes
    seconds = f"{time.monotonic() - began:.1f} s"
    _console.print("    " + ", ".join([str(result), *notes, seconds]))


def _print_outcomes(outcomes: list[Outcome]) -> None:
    table = Table(box=None)
    for heading in ("", "reached", "goal", ""):
        table.add_column(heading)
    for one in outcomes:
        word = "[green]ok[/]" if one.ok else "[bold red]bad[/]"
        table.add_row(one.goal.label, one.shown, one.wanted, word)
    _console.print(table)
