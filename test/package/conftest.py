"""Launch files run with nodes that only tell what they were given."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NODES = (
    "dynamic_segmenter", "fault_injector", "fgsn_segmenter", "localizer", "ooi_matcher",
    "place_retriever", "pose_regressor", "recorder", "replay", "slam_bridge",
)  # fmt: skip
SHOW = """
import json, os, pathlib, sys, time, rclpy
rclpy.init(args=sys.argv)
node = rclpy.create_node("unnamed")
values = {name: one.value for name, one in node._parameter_overrides.items()}
names = ("image", "camera_info", "odom", "mask", "labels", "places", "correspondences")
topics = [node.resolve_topic_name(name) for name in names]
seen = [node.get_fully_qualified_name(), values, topics, sys.argv[1:]]
print("SEEN", json.dumps(seen), flush=True)
pathlib.Path(sys.argv[0]).with_suffix(".seen").touch()
while len(list(pathlib.Path(sys.argv[0]).parent.glob("*.seen"))) < int(os.environ["NODES"]):
    time.sleep(0.05)  # the end of one node ends the launch
rclpy.shutdown()
"""

Launched = Callable[..., dict[str, Any]]


@pytest.fixture
def launched(tmp_path: Path, ros_domain: int, monkeypatch: pytest.MonkeyPatch) -> Launched:
    """Runs a launch file with nodes that only tell what they were given."""
    prefix = tmp_path / "prefix"
    share, programs = prefix / "share" / "semloc_ros", prefix / "lib" / "semloc_ros"
    marker = prefix / "share/ament_index/resource_index/packages/semloc_ros"
    for folder in (share, programs, marker.parent):
        folder.mkdir(parents=True)
    marker.touch()
    for folder in ("launch", "config", "rviz"):
        shutil.copytree(ROOT / folder, share / folder)
    for name in NODES:
        (programs / name).write_text(f"#!{sys.executable}\n{SHOW}")
        (programs / name).chmod(0o755)
    known = os.environ.get("AMENT_PREFIX_PATH", "")
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{prefix}{os.pathsep}{known}")
    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path / "log"))
    path = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{path}")  # this tree, from any folder

    def run(file: str, *words: str, nodes: int = 1) -> dict[str, Any]:
        monkeypatch.setenv("NODES", str(nodes))
        command = [_ros2(), "launch", "semloc_ros", file, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
        seen = re.findall(r"^\[(\w+)-\d+\] SEEN (.*)$", done.stdout, re.M)
        return {name: json.loads(text) for name, text in seen} | {"shown": done.stdout}

    return run


def _ros2() -> str:
    beside = Path(sys.executable).with_name("ros2")
    return str(beside) if beside.exists() else "ros2"
