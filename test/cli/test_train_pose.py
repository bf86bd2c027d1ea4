"""`semloc train pose` from the command line, on a tiny world."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from pose_room import write_world

from semloc_ros.cli.train import app
from semloc_ros.config.pose_learning import POSE_PRESETS, PoseTrainingConfig
from semloc_ros.errors import ConfigError, DatasetError, SemlocError
from semloc_ros.networks.model_files import read_about
from semloc_ros.networks.pose_about import PoseAbout
from semloc_ros.options import from_mapping


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["pose", *(str(one) for one in arguments)])


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return write_world(tmp_path / "room", 12)


def test_a_model_from_a_world_and_its_masks(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "room.safetensors"
    given = {
        "short_side": 64, "width": 64, "height": 64, "training.iterations": 1, "training.batch": 4,
        "training.accumulate": 2, "training.accelerator": "cpu", "training.threads": 1,
    }  # fmt: skip
    options = [word for one in given.items() for word in ("--set", "=".join(map(str, one)))]
    done = run(
        world, "--validation", world / "frames" / "evening", "--masks", "truth", "--out", out,
        "--licence", "CC0", *options,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "room.safetensors: loss" in done.output and "at iteration 1" in done.output
    about = read_about(out)
    assert isinstance(about, PoseAbout) and about.masked
    assert (about.licence, about.data, about.width) == ("CC0", "room", 64)
    assert about.training.startswith("semloc") and about.position_offset[0] == 8.0


@pytest.mark.parametrize(
    ("arguments", "kind", "line"),
    [
        (["--out", "a.pt"], ConfigError, "--out: expected NAME.safetensors, got a.pt"),
        (["--out", "a.safetensors", "--preset", "big"], ConfigError, "expected small or paper"),
        (
            ["--out", "a.safetensors", "--set", "batchnorm=1"], ConfigError,
            "did you mean batchnorm_momentum?",
        ),
        (
            ["--out", "a.safetensors", "--validation", "gone"], DatasetError,
            "gone: expected a world, a traversal of it",
        ),
    ],
)  # fmt: skip
def test_what_does_not_do_is_one_line(
    world: Path, arguments: list[str], kind: type[SemlocError], line: str
) -> None:
    fault = run(world, *arguments).exception
    assert isinstance(fault, kind) and line in str(fault)


def test_the_paper_s_preset() -> None:
    """Cimarelli et al., sections 3.1, 4.1 and 5.1."""
    paper = from_mapping(PoseTrainingConfig, POSE_PRESETS["paper"])
    assert paper.architecture == "googlenet" and paper.random_crops
    assert (paper.width, paper.height) == (224, 224)
    assert (paper.scale_position, paper.scale_rotation) == (0.6, 0.2)
    assert paper.batchnorm_momentum == 0.99
    loop = paper.training
    assert (loop.batch, loop.accumulate, loop.learning_rate) == (64, 1, 1e-4)
    assert (loop.optimizer, loop.momentum, loop.weight_decay) == ("adamw", 0.9, 0.0)  # is Adam
    assert loop.schedule == "constant"
    light = paper.light
    assert (light.brightness, light.contrast, light.tint) == (0, 0, 0)
    assert paper.training.iterations > from_mapping(
        PoseTrainingConfig, POSE_PRESETS["small"]
    ).training.iterations
