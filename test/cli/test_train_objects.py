"""`semloc train objects` from the command line: what it hands over, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from semloc_ros.cli.train import app
from semloc_ros.config.object_learning import OBJECT_PRESETS, ObjectTrainingConfig
from semloc_ros.errors import SemlocError
from semloc_ros.learning import object_programs
from semloc_ros.learning.object_programs import ObjectData
from semloc_ros.options import from_mapping


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["objects", *[str(one) for one in arguments]])


def test_options_are_handed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: dict[str, Any] = {}

    def train_objects(*arguments: Any) -> dict[str, float]:
        given.update(
            zip(("data", "config", "out", "seed", "start", "origin"), arguments, strict=False)
        )
        return {"best_score": 0.01, "best_iteration": 3.0, "seconds": 2.0}

    monkeypatch.setattr(object_programs, "train_objects", train_objects)
    out = tmp_path / "seen.safetensors"
    done = run(
        "room", "--images", "a", "--world", "w/frames/x", "--validation", "v",
        "--occluders", "crowd", "--out", out, "--head", "homography", "--start", "s.pth",
        "--preset", "paper", "--set", "pictures.homography=0", "--seed", 4, "--licence", "CC0",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "error 0.010 at iteration 3" in done.output
    assert given["data"] == ObjectData(
        Path("room"), Path("a"), (Path("w/frames/x"),), (Path("v"),),
        (Path("crowd"),),
    )  # fmt: skip
    config = given["config"]
    assert (config.head, config.architecture) == ("homography", "resnet50_fpn")
    assert config.pictures.homography == 0.0 and config.training.iterations == 500_000
    assert (given["out"], given["seed"], given["start"]) == (out, 4, Path("s.pth"))
    assert given["origin"].licence == "CC0"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--out", "a.pt", "--world", "w"], "--out: expected NAME.safetensors, got a.pt"),
        (["room", "--out", "a.safetensors"], "MAP: expected a map and its --images"),
        (["--images", "a", "--out", "a.safetensors"], "MAP: expected a map and its --images"),
        (["--out", "a.safetensors"], "expected a map with --images, or --world, got none"),
        (["--out", "a.safetensors", "--head", "flat"], "head: expected dense"),
        (["--out", "a.safetensors", "--world", "nowhere"], "nowhere"),
        (
            ["--out", "a.safetensors", "--set", "pictures.occluder=1"],
            "did you mean pictures.occluders",
        ),
    ],
)
def test_what_does_not_do_is_one_line(arguments: list[str], line: str) -> None:
    fault = run(*arguments).exception
    assert isinstance(fault, SemlocError) and line in str(fault)
    assert "\n" not in str(fault)


def test_presets_are_options() -> None:
    small, paper = (
        from_mapping(ObjectTrainingConfig, OBJECT_PRESETS[name]) for name in ("small", "paper")
    )
    for config in (small, paper):
        assert config.head == "dense" and config.pictures.homography == 0.33
    loop = paper.training  # section 3.2
    assert (loop.optimizer, loop.learning_rate, loop.iterations) == ("sgd", 0.00125, 500_000)
    assert small.architecture == "mobile"
