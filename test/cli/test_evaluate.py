"""`semloc evaluate`: options, judging a folder again, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from semloc_ros.cli import evaluate
from semloc_ros.cli.main import app
from semloc_ros.errors import ConfigError, SemlocError
from semloc_ros.evaluation.predictions import Truth, write_reference
from semloc_ros.geometry import se3

S = 1_000_000_000
FRAMES = 60


def semloc(*words: str) -> Result:
    return CliRunner().invoke(app, ["evaluate", *words])


def write_run(folder: Path, error_m: float, lost: int = 0) -> None:
    """Frames once a second of a robot at x = t; fixes about so far off, the last frames lost."""
    stamps = np.arange(FRAMES, dtype=np.int64) * S
    places = np.zeros((FRAMES, 3))
    places[:, 0] = np.arange(FRAMES)
    write_reference(folder, stamps, Truth(stamps, se3.make_pose(np.eye(3), places)))
    sizes = np.random.default_rng(0).uniform(0.5, 1.5, FRAMES) * error_m
    lines: list[dict[str, Any]] = []
    for second in range(FRAMES - lost):
        both = {"stamp_ns": second * S, "received_ns": second * S}
        lines.append({
            "kind": "pose", **both, "position": [second, sizes[second], 0],
            "quaternion_xyzw": [0, 0, 0, 1], "covariance": np.eye(6).ravel().tolist(),
        })  # fmt: skip
        lines.append({"kind": "status", **both, "state": "TRACKING", "reason": "ok", "values": {}})
    (folder / "predictions.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))


def test_a_folder_is_judged_again_and_exported(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "day", 0.02)
    write_run(tmp_path / "runs" / "night", 0.1, lost=30)
    done = semloc(
        "--predictions", str(tmp_path / "runs"), "--out", str(tmp_path / "out"),
        "--export", "tum", "--set", "evaluation.recall=0.2/1 9/9",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["all"]["recall_9m_9deg"] == metrics["all"]["availability"] == 90 / 120
    assert list(metrics["conditions"]) == ["day", "night"]
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000
    assert {path.name for path in (tmp_path / "out" / "export").iterdir()} == {
        "day_fixes.tum", "day_truth.tum", "night_fixes.tum", "night_truth.tum",
    }  # fmt: skip
    assert "night" in done.output and "all" in done.output
    assert "0.2 m" in done.output and "0.25 m" not in done.output, "the thresholds asked for"


def test_the_exit_code_says_whether_it_is_worse(tmp_path: Path) -> None:
    for name, error in (("good", 0.015), ("bad", 0.03)):
        write_run(tmp_path / name / "run", error)
        words = ["--predictions", str(tmp_path / name), "--out", str(tmp_path / f"{name}_out")]
        assert semloc(*words, "--no-report").exit_code == 0
    words = ["--no-report", "--out", str(tmp_path / "out"), "--predictions"]
    worse = semloc(
        *words, str(tmp_path / "bad"), "--baseline", str(tmp_path / "good_out" / "metrics.json")
    )
    assert worse.exit_code == evaluate.WORSE
    assert "WORSE   position_m" in worse.output
    changes = json.loads((tmp_path / "out" / "metrics.json").read_text())["changes"]
    assert [one["key"] for one in changes if one["is_worse"]] == ["position_m"]
    better = semloc(
        *words, str(tmp_path / "good"), "--baseline", str(tmp_path / "bad_out" / "metrics.json")
    )
    assert better.exit_code == 0 and "changed position_m" in better.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--bag: expected a bag (or --predictions), got none"),
        (["--bag", "x"], "--map: expected the folder of a map, got none"),
        (["--bag", "a=x", "--bag", "a=y", "--map", "m"], "conditions of different names"),
        (["--bag", "x", "--map", "m", "--inject", "drop=0.2 blurr"], "did you mean blur?"),
        (["--bag", "x", "--predictions", "y"], "--inject or --ablate beside it, got both"),
        (["--truth", "a.tum", "--predictions", "y"], "no --bag, --with, --truth, --lab"),
        (["--labels", "/labels", "--predictions", "y"], "no --bag, --with, --truth, --lab"),
        (["--places", "oracle", "--predictions", "y"], "no --bag, --with, --truth, --lab"),
        (["--bag", "x", "--baseline", "no.json"], "no.json: expected metrics.json of"),
        (["--bag", "x", "--out", "/dev/null"], "--out /dev/null: expected a folder that can be"),
        (["--predictions", "y", "--export", "tun"], "did you mean tum?"),
        (["--bag", "x", "--set", "pnp.max_eror_px=3"], "did you mean pnp.max_error_px?"),
        (["--bag", "x", "--config", "none.yaml"], "none.yaml: expected a readable yaml file"),
        (["--bag", "d=x", "--map", "m", "--with", "{name}/n"], "d/n: expected a bag, got nothing"),
        (["--predictions", "y", "--with", "n"], "no --bag, --with, --truth, --labels, --places"),
        (["--predictions", "y", "--objects", "/o"], "--objects, --masks, --inject or --ablate"),
    ],
)
def test_wrong_words_are_one_line(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = semloc(*words)
    assert isinstance(done.exception, SemlocError)
    assert said in str(done.exception) and "\n" not in str(done.exception)


def test_the_nodes_own_file_is_a_config(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    options = evaluate._options(root / "config" / "localize.yaml", [], None)
    assert options == evaluate._options(None, [], None)
    path = tmp_path / "mine.yaml"
    path.write_text("localizer:\n  ros__parameters:\n    pnp: {max_error_px: 4.0}\n    map: /a\n")
    options = evaluate._options(path, ["pnp.min_inliers=20"], Path("/b"))
    assert (options.pnp.max_error_px, options.pnp.min_inliers, options.map) == (4.0, 20, "/b")
    path.write_text("pnp: {max_error_px: 4.0}\n")
    assert evaluate._options(path, ["pnp.max_error_px=5.0"], None).pnp.max_error_px == 5.0
    path.write_text("- 1\n")
    with pytest.raises(ConfigError, match="mine.yaml: expected keys and values, got list"):
        evaluate._options(path, [], None)


def test_bags_are_named_by_condition_or_by_themselves() -> None:
    found = evaluate._bags(["night=a/b.mcap", "c/day.mcap", "d/x=1/dusk"])
    assert list(found) == ["night", "day", "dusk"]
    assert found["dusk"] == Path("d/x=1/dusk")
