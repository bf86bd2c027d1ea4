"""The page of all conditions: what it says, that it needs nothing else, how it is shown."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from semloc_ros.config import EvaluationConfig
from semloc_ros.evaluation.comparison import Change
from semloc_ros.evaluation.conditions import Condition, load_conditions
from semloc_ros.evaluation.overview import write_overview
from semloc_ros.evaluation.report import worst_frames
from semloc_ros.evaluation.verdict import verdict

Maker = Callable[..., dict[str, Any]]
S = 1_000_000_000
CONFIG = EvaluationConfig(resamples=100)
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


class Page(HTMLParser):
    """Open tags, addresses that a browser would load, and the text in pieces."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)
        self.addresses += [value or "" for key, value in attributes if key in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture
def conditions(
    make_folder: Callable[..., Path], records: tuple[Maker, Maker], tmp_path: Path
) -> list[Condition]:
    """`<day>`: nine frames, the last one lost, a thumbnail of the worst; `night`: nothing."""
    pose, status = records
    lines: list[dict[str, Any]] = []
    for second in range(8):
        lines.append(pose(second * S, [second, 0.001 * second, 0.0]))
        lines.append(status(second * S, values={"inliers": "99", "pnp_ms": "4.0"}))
    lines.append(status(8 * S, "LOST", reason="too_few_<matches>"))
    out = tmp_path / "all"
    out.mkdir()
    for name, said, frames in (("<day>", lines, 9), ("night", [], 4)):
        made = make_folder(said, frames=frames)
        (out / name).mkdir()
        for path in made.glob("*.*"):
            shutil.move(path, out / name / path.name)
    (out / "<day>" / "run.json").write_text('{"bag": "a.mcap", "map": "hall"}')
    (out / "<day>" / "thumbnails").mkdir()
    cv2.imwrite(str(out / "<day>" / "thumbnails" / f"{7 * S}.jpg"), np.zeros((12, 16), np.uint8))
    return load_conditions(out, CONFIG)


def written(conditions: list[Condition], path: Path, changes: tuple[Change, ...] = ()) -> Page:
    metrics, _ = verdict(conditions, CONFIG)
    points = np.random.default_rng(0).normal(size=(300, 3)) * 4
    write_overview(path, conditions, metrics, points, changes)
    return Page(path.read_text())


def test_the_page_needs_nothing_else_and_says_of_which_frames_every_number_is(
    conditions: list[Condition], tmp_path: Path
) -> None:
    page = written(conditions, tmp_path / "report.html")
    assert page.open == []
    kinds = [address.split(";")[0] for address in page.addresses]
    assert kinds.count("data:image/svg+xml") == 3 + 2 * 4
    assert kinds.count("data:image/jpeg") == 1
    assert len(kinds) == 12
    assert "<script" not in (tmp_path / "report.html").read_text()

    names = "<day> (bag a.mcap, map hall), night"
    assert f"8 of 13 frames have a fix, in 2 conditions: {names}." in page.texts
    at = page.texts.index("position error, median")
    assert page.texts[at + 1] == "0.35 cm"
    assert page.texts[at + 2].startswith("of 61.5 % of the frames")
    assert "too_few_<matches>" in " ".join(page.texts)
    worst = [text for text in page.texts if text.startswith("<day> at 7.0 s: 0.7 cm")]
    assert len(worst) == 1 and worst[0].endswith("99 inliers")


def test_a_run_without_a_fix_has_a_page_that_says_so(
    conditions: list[Condition], tmp_path: Path
) -> None:
    """As in the map of another place."""
    page = written(conditions[1:], tmp_path / "report.html")
    first = page.texts.index("0 of 4 frames have a fix, in 1 condition: night.")
    assert "None of 4 frames got a fix" in page.texts[first - 1]
    assert "found again after a kidnap in" not in page.texts


def test_what_all_conditions_were_made_of_is_said_once(
    conditions: list[Condition], tmp_path: Path
) -> None:
    day, night = conditions
    shared = {"map": "hall", "truth": "/pose"}
    runs = [
        replace(day, name="day", about={**shared, "bag": "day"}),
        replace(night, about={**shared, "bag": "b"}),
    ]
    page = written(runs, tmp_path / "report.html")
    told = "day, night (bag b); map hall, truth /pose"
    assert f"8 of 13 frames have a fix, in 2 conditions: {told}." in page.texts


def test_free_thresholds_have_their_tile_and_their_columns(
    conditions: list[Condition], tmp_path: Path
) -> None:
    config = EvaluationConfig(resamples=100, recall="0.004/1 0.1/1")
    metrics, _ = verdict(conditions, config)
    write_overview(tmp_path / "report.html", conditions, metrics)
    page = Page((tmp_path / "report.html").read_text())
    at = page.texts.index("within 0.004 m, 1°")
    assert page.texts[at + 1] == "38.5 %", "5 of 13"
    assert "0.1 m, 1° %" in page.texts


def test_the_worst_frames_are_also_those_that_face_the_wrong_way() -> None:
    position, rotation = np.full((2, 40), 0.01)
    position[3], rotation[7], position[9] = 0.5, 90.0, np.nan
    assert worst_frames(position, np.where(np.isnan(position), np.nan, rotation))[:3] == [9, 7, 3]


def test_a_change_for_the_worse_stands_on_top(conditions: list[Condition], tmp_path: Path) -> None:
    changes = (
        Change("availability", 0.9, 0.8, 100, 0.001, True, True),
        Change("position_m", 0.01, 0.01, 80, 0.7, False, False),
    )
    page = written(conditions[:1], tmp_path / "report.html", changes)
    told = page.texts.index("worse than the baseline: availability")
    assert told < page.texts.index("frames with a fix")


@pytest.mark.skipif(BROWSER is None, reason="no Chromium")
def test_a_browser_shows_it_within_the_width(
    conditions: list[Condition], tmp_path: Path
) -> None:
    """The page is painted, and nothing is cut off at the right: the margin there stays white.
    It stands in a frame, as a browser's own window is never as narrow as a phone."""
    written(conditions[:1], tmp_path / "report.html")
    shot, framed = tmp_path / "shot.png", tmp_path / "framed.html"
    for width in (1200, 412):
        size = f"border: 0; width: {width}px; height: 2400px"
        frame = f'<iframe src="report.html" scrolling="no" style="{size}"></iframe>'
        framed.write_text(f'<body style="margin: 0">{frame}</body>')
        command = [
            str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},2400",
            f"--screenshot={shot}", f"file://{framed}",
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        image = cv2.imread(str(shot))
        assert image is not None and image.shape[1] == width
        assert (image != 255).any(axis=2).mean() > 0.02
        assert (image[:, -8:] == 255).all()
