from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semloc_ros.config import EvaluationConfig
from semloc_ros.evaluation.goals import Goal, check_goals
from semloc_ros.evaluation.judging import judge
from semloc_ros.evaluation.metrics import compute_metrics
from semloc_ros.evaluation.predictions import load_run
from semloc_ros.evaluation.report import write_figures, write_report

Maker = Callable[..., dict[str, Any]]
S = 1_000_000_000
GOALS = (
    Goal("availability", "availability", low=0.98, scale=100, unit="%"),
    Goal("position_median_m", "median position error", high=0.02, scale=100, unit="cm"),
)


class Page(HTMLParser):
    """Tags that are open, all addresses that a browser would load, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)
        self.addresses += [value or "" for key, value in attributes if key in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "strong", "p"):
            self.cells.append(data)


@pytest.fixture
def folder(make_folder: Callable[..., Path], records: tuple[Maker, Maker]) -> Path:
    pose, status = records
    lines: list[dict[str, Any]] = []
    for second in range(8):
        lines.append({"kind": "frame", "stamp_ns": second * S, "received_ns": second * S})
        lines.append(pose(second * S, [second, 0.001 * second, 0.0]))
        lines.append(status(second * S, values={"inliers": "<&>"}))
    lines.append(status(8 * S, "LOST", reason="too_few_matches"))
    return make_folder(lines, frames=9)


def report_of(folder: Path, points: np.ndarray | None = None) -> Page:
    run, config = load_run(folder), EvaluationConfig()
    judged = judge(run, config)
    metrics = compute_metrics(run, judged, config)
    path = folder / "report.html"
    write_report(path, "a run & more", run, judged, metrics, check_goals(metrics, GOALS), points)
    return Page(path.read_text())


def test_the_report_is_whole_and_needs_nothing_else(folder: Path) -> None:
    page = report_of(folder, np.random.default_rng(0).normal(size=(500, 3)) * 4)
    assert page.open == []
    assert len(page.addresses) == 5
    assert all(address.startswith("data:image/svg+xml;base64,") for address in page.addresses)
    text = (folder / "report.html").read_text()
    assert "<script" not in text
    assert "url(" not in text


def test_the_summary_says_what_was_missed(folder: Path) -> None:
    page = report_of(folder)
    assert "1 of 2 goals missed" in page.cells
    assert "8 of 9 query frames have a fix." in page.cells
    assert "88.9 %" in page.cells
    assert "0.35 cm" in page.cells


def test_the_worst_frames_come_first_and_are_escaped(folder: Path) -> None:
    page = report_of(folder)
    lost = page.cells.index("too_few_matches")
    assert "8.00" in page.cells[:lost]
    assert page.cells[lost + 1] == "7.00"  # the next worst: 7 mm
    assert "<&>" in page.cells


def test_a_run_without_any_pose_has_a_report_too(make_folder: Callable[..., Path]) -> None:
    page = report_of(make_folder([]))
    assert "2 of 2 goals missed" in page.cells


def test_figures_are_written_as_files(folder: Path) -> None:
    run = load_run(folder)
    write_figures(folder / "plots", run, judge(run, EvaluationConfig()), None)
    names = {path.stem for path in (folder / "plots").glob("*.png")}
    assert names == {"trajectory", "error_cdf", "errors_over_time", "calibration", "latency"}


@pytest.mark.parametrize(
    ("value", "ok"), [(0.9, True), (0.99, True), (0.899, False), (None, False)]
)
def test_goals_include_their_bounds(value: float | None, ok: bool) -> None:
    goal = Goal("coverage95", "coverage", low=0.90, high=0.99)
    (outcome,) = check_goals({"coverage95": value}, [goal])
    assert outcome.ok is ok
    assert outcome.wanted == "0.9 to 0.99"
