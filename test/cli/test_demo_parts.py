from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from semloc_ros.cli import demo
from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.cli.demo import goals_of
from semloc_ros.cli.demo_nodes import private_graph
from semloc_ros.cli.main import app
from semloc_ros.config import DemoConfig, GoalsConfig
from semloc_ros.errors import ConfigError
from semloc_ros.evaluation.goals import Outcome, check_goals
from semloc_ros.options import from_mapping

GOOD = {
    "availability": 1.0, "position_median_m": 0.001, "rotation_median_deg": 0.01,
    "position_max_tracking_m": 0.01, "tf_rate_hz": 40.0, "coverage95": 0.95,
    "false_fix_rate": 0.0, "poses_without_truth": 0, "tf_coverage": 0.98,
    "tf_position_median_m": 0.01, "tf_max_gap_s": 0.1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("availability", 0.979), ("position_median_m", 0.021), ("rotation_median_deg", 0.21),
        ("position_max_tracking_m", 0.21), ("tf_rate_hz", 19.9), ("coverage95", 0.89),
        ("coverage95", 0.995), ("position_median_m", None), ("false_fix_rate", 1e-3),
        ("false_fix_rate", None), ("poses_without_truth", 1), ("tf_coverage", 0.5),
        ("tf_position_median_m", 0.06), ("tf_position_median_m", None), ("tf_max_gap_s", 1.5),
    ],
)  # fmt: skip
def test_each_goal_can_be_missed_alone(key: str, value: float | None) -> None:
    goals = goals_of(GoalsConfig())
    assert all(one.ok for one in check_goals(GOOD, goals))
    missed = [one.goal.key for one in check_goals(GOOD | {key: value}, goals) if not one.ok]
    assert missed == [key]


@pytest.mark.parametrize(("bound", "code"), [("0.02", 0), ("1e-9", 1)])
def test_one_missed_goal_makes_the_exit_code_1(
    bound: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command as a user calls it; only the run itself is replaced, by its metrics."""

    def run(config: DemoConfig, out: Path) -> list[Outcome]:
        return check_goals(GOOD, goals_of(config.goals))

    monkeypatch.setattr(demo, "run_demo", run)
    monkeypatch.setattr(demo, "end_like_ctrl_c", lambda: None)
    words = ["demo", "--out", str(tmp_path), "--set", f"goals.max_position_median_m={bound}"]
    assert CliRunner().invoke(app, words).exit_code == code


def test_the_demo_keeps_away_from_the_robot_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = 1 + (os.getpid() - 1) % 100
    for domain in ("", "0", "42", str(own)):
        monkeypatch.setenv("ROS_DOMAIN_ID", domain)
        monkeypatch.setenv("ROS_LOCALHOST_ONLY", "0")
        environ = private_graph(DemoConfig(), tmp_path)
        assert environ["ROS_DOMAIN_ID"] not in (domain, "0", "")
        assert 1 <= int(environ["ROS_DOMAIN_ID"]) <= 101
        assert environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
        assert "ROS_LOCALHOST_ONLY" not in environ
    assert private_graph(DemoConfig(domain=7), tmp_path)["ROS_DOMAIN_ID"] == "7"


def test_options_are_set_by_dotted_names() -> None:
    config = from_mapping(DemoConfig, parse_assignments(["world.columns=3", "domain=9"]))
    assert (config.world.columns, config.domain) == (3, 9)
    with pytest.raises(ConfigError, match="--set: expected NAME=VALUE, got domain"):
        parse_assignments(["domain"])
    with pytest.raises(ConfigError, match=r"did you mean world\.columns"):
        from_mapping(DemoConfig, parse_assignments(["world.colums=3"]))
