"""`semloc doctor`: checks everything the localizer needs and prints the mend of each fault."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from semloc_ros.cli.doctor_environment import environment_findings, map_findings
from semloc_ros.cli.doctor_graph import graph_findings
from semloc_ros.cli.findings import Finding, Level, fail, skip
from semloc_ros.cli.ros_process import node_command, ros_found
from semloc_ros.config import DoctorConfig
from semloc_ros.options import from_mapping, to_mapping

_DEFAULT = DoctorConfig()
_STARTING_S = 60.0  # of the listening process, beyond the time that it listens
_COLORS = {Level.OK: "green", Level.SKIP: "dim", Level.WARN: "yellow", Level.FAIL: "bold red"}


def doctor(
    map_folder: Path | None = typer.Option(None, "--map", help="Folder of a map to check."),
    image_topic: str = typer.Option(_DEFAULT.image_topic),
    image_transport: str = typer.Option(_DEFAULT.image_transport, help="raw or compressed"),
    camera_info_topic: str = typer.Option(_DEFAULT.camera_info_topic),
    rectified: bool = typer.Option(_DEFAULT.rectified, help="As the localizer's parameter."),
    odometry: str = typer.Option(_DEFAULT.odometry, help="topic, tf or none"),
    odom_topic: str = typer.Option(_DEFAULT.odom_topic),
    odom_frame: str = typer.Option(_DEFAULT.odom_frame),
    base_frame: str = typer.Option(_DEFAULT.base_frame),
    localizer: str = typer.Option(_DEFAULT.localizer, help="Name of its node, with its namespace."),
    seconds: float = typer.Option(_DEFAULT.seconds, help="How long to listen."),
    graph: bool = typer.Option(True, help="Listen to the running robot or replay."),
) -> None:
    """Check environment, topics, QoS, camera, tf, clock and map; exit code 1 if one fails."""
    values = {
        "image_topic": image_topic, "image_transport": image_transport,
        "camera_info_topic": camera_info_topic, "odom_topic": odom_topic,
        "rectified": rectified, "odometry": odometry, "odom_frame": odom_frame,
        "base_frame": base_frame, "localizer": localizer,
        "seconds": seconds,
    }  # fmt: skip
    config = from_mapping(DoctorConfig, values)
    findings = list(_all_findings(config, map_folder, graph))
    _print(findings)
    if any(finding.level is Level.FAIL for finding in findings):
        raise typer.Exit(1)


def _all_findings(config: DoctorConfig, folder: Path | None, graph: bool) -> Iterator[Finding]:
    yield from environment_findings()
    yield from map_findings(folder)
    if not graph:
        yield skip("graph", "not asked for (--no-graph)")
    elif not ros_found():
        yield skip("graph", "needs ROS 2")
    else:
        yield from _listen(config)


def _listen(config: DoctorConfig) -> Iterator[Finding]:
    """Run the ROS half and judge what it saw."""
    with Console(stderr=True).status(f"listening to ROS for {config.seconds:g} s"):
        facts, trouble = _facts(config)
    if facts is None:
        mend = "run `python -c 'import rclpy'`: is ROS of another Python version sourced?"
        yield fail("graph", trouble, mend)
    else:
        yield from graph_findings(facts, config)


def _facts(config: DoctorConfig) -> tuple[dict[str, Any] | None, str]:
    """What the listening process printed, or None and the last line of its complaint."""
    command = node_command("graph_check", json.dumps(to_mapping(config)))
    timeout = config.seconds + _STARTING_S
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return None, f"listening did not end in {timeout:g} s"
    lines = done.stdout.strip().splitlines()
    if done.returncode == 0 and lines:
        facts: dict[str, Any] = json.loads(lines[-1])
        return facts, ""
    return None, (done.stderr.strip().splitlines() or ["no word"])[-1]


def _print(findings: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("", "check", "found and mend"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        color = _COLORS[finding.level]
        text = finding.found + (f"\n→ {finding.mend}" if finding.mend else "")
        level = f"[{color}]{finding.level.value}[/]"
        table.add_row(level, finding.check, escape(text))
    console = Console()
    console.print(table)
    failed = sum(finding.level is Level.FAIL for finding in findings)
    warned = sum(finding.level is Level.WARN for finding in findings)
    console.print(f"{len(findings)} checks, {failed} failed, {warned} warnings")
