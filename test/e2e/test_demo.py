"""A short demo through the whole path: world, map, `ros2 launch`, replay, record, judge."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semloc_ros.cli.demo import goals_of
from semloc_ros.cli.demo_nodes import OBJECTS
from semloc_ros.config import GoalsConfig
from semloc_ros.datasets.tum import read_tum
from semloc_ros.evaluation.goals import check_goals
from semloc_ros.evaluation.node_views import Topics, read_sent
from semloc_ros.evaluation.predictions import COMPANIONS

pytestmark = pytest.mark.slow
MARKER = "share/ament_index/resource_index/packages/semloc_ros"
# a robot in a hurry: the same loop in a third of the time
SHORT = ["--set", "world.speed=1.2", "--set", "world.mapping_rate=3"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(":")
    if not any((Path(prefix) / MARKER).exists() for prefix in prefixes):
        pytest.skip("semloc_ros is not installed, only on the path: `make test` installs it")
    return tmp_path_factory.mktemp("demo")


def command(folder: Path, *more: str) -> list[str]:
    program = [sys.executable, "-m", "semloc_ros.cli.main", "demo"]
    return [*program, "--out", str(folder), *SHORT, *more]


def left_behind(folder: Path) -> list[str]:
    """Commands of processes that the demo in this folder started and that still run."""
    mark = f"ROS_LOG_DIR={folder.resolve()}/".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def result(folder: Path) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    done = subprocess.run(command(folder), capture_output=True, text=True, timeout=900)
    assert (folder / "metrics.json").exists(), done.stdout + done.stderr
    metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return done, metrics


def test_the_robot_is_localized(
    result: tuple[subprocess.CompletedProcess[str], dict[str, Any]], folder: Path
) -> None:
    done, metrics = result
    print(done.stdout)
    assert metrics["frames"] > 30
    # below the demo's own bar: at 1.2 m/s a busy machine loses frames that a free one answers,
    # and this test is of the path through all processes, not of the machine's speed
    assert metrics["availability"] >= 0.75
    assert metrics["position_median_m"] <= 0.02
    assert metrics["rotation_median_deg"] <= 0.2
    assert metrics["position_max_tracking_m"] <= 0.2
    assert metrics["false_fix_rate"] == 0.0
    assert metrics["poses_without_truth"] == 0
    assert metrics["tf_position_median_m"] <= 0.05
    assert metrics["tf_rate_hz"] >= 20.0
    assert metrics["latency_p95_ms"] > 0.0
    assert (folder / "report.html").stat().st_size > 10_000
    assert (folder / "plots" / "trajectory.png").exists()
    page = (folder / "report.html").read_text()
    assert "What the nodes saw" in page and "What each part buys" in page
    ablation = json.loads((folder / "ablation" / "metrics.json").read_text())["variants"]
    parts = {"no_masks", "no_labels", "no_places", "no_objects"}
    assert {"all", "features_alone", "objects_alone"} | parts <= set(ablation)
    assert ablation["all"]["all"]["frames"] == metrics["frames"]
    assert ablation["all"]["all"]["false_fixes"] == 0
    assert left_behind(folder) == []


def test_objects_were_found_and_sent(
    result: tuple[subprocess.CompletedProcess[str], dict[str, Any]], folder: Path
) -> None:
    """The short demo drives in the gallery whose pictures the shipped model knows."""
    sent = read_sent(folder / "predictions" / COMPANIONS, Topics(objects=OBJECTS.topic))
    assert sum(finds > 0 for finds in sent.finds.values()) >= 3


def test_the_exit_code_is_the_verdict(
    result: tuple[subprocess.CompletedProcess[str], dict[str, Any]],
) -> None:
    done, metrics = result
    kept = all(one.ok for one in check_goals(metrics, goals_of(GoalsConfig())))
    assert done.returncode == (0 if kept else 1)


def test_the_same_bag_without_ros_is_localized_twice_alike(
    result: tuple[subprocess.CompletedProcess[str], dict[str, Any]], folder: Path
) -> None:
    runs = [folder / "evaluation" / name for name in ("a", "b")]
    for out in runs:
        program = [sys.executable, "-m", "semloc_ros.cli.main", "evaluate", "--no-report"]
        words = ["--bag", f"gallery={folder / 'world' / 'query'}", "--map", str(folder / "map")]
        more = ["--set", "features.max_features=2000", "--out", str(out)]
        subprocess.run([*program, *words, *more], check=True, timeout=600)
    first, second = (out / "predictions" / "gallery" / "poses.tum" for out in runs)
    assert first.read_bytes() == second.read_bytes()
    over_ros, directly = (dict(zip(*read_tum(path), strict=True)) for path in (
        folder / "predictions" / "poses.tum", first,
    ))  # fmt: skip
    both = sorted(set(over_ros) & set(directly))
    apart = [np.linalg.norm((over_ros[at] - directly[at])[:3, 3]) for at in both]
    assert len(both) > 30
    assert np.median(apart) < 1e-3, "frames that the node lost change what guides the others"
    metrics = json.loads((runs[0] / "metrics.json").read_text())["all"]
    assert metrics["availability"] >= 0.9
    assert metrics["position_median_m"] <= 0.02
    assert metrics["false_fix_rate"] == 0.0
    assert metrics["frames"] == result[1]["frames"]


def test_ctrl_c_leaves_nothing_behind_and_the_world_is_reused(
    result: tuple[subprocess.CompletedProcess[str], dict[str, Any]], folder: Path
) -> None:
    kept = [folder / "world" / "world.json", folder / "map" / "manifest.json"]
    before = [path.stat().st_mtime_ns for path in kept]
    predictions = folder / "predictions" / "predictions.jsonl"
    predictions.unlink()
    process = subprocess.Popen(command(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 120
    while not (predictions.exists() and b'"pose"' in predictions.read_bytes()):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=40)
    assert process.returncode == 130
    assert left_behind(folder) == []
    assert [path.stat().st_mtime_ns for path in kept] == before


def test_a_broken_map_is_a_failure_that_names_itself(
    result: tuple[subprocess.CompletedProcess[str], dict[str, Any]], folder: Path
) -> None:
    manifest = folder / "map" / "manifest.json"
    whole = manifest.read_text()
    manifest.write_text(whole[: len(whole) // 2])
    try:
        done = subprocess.run(
            command(folder, "--set", "ready_timeout=20"), capture_output=True, text=True,
            timeout=120,
        )  # fmt: skip
    finally:
        manifest.write_text(whole)
    assert done.returncode == 1
    assert "manifest.json" in done.stderr
    assert "Traceback" not in done.stderr
    assert left_behind(folder) == []
