"""`semloc train places` and `hybrid`: what is refused, and a training from the command line."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner, Result

pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from place_street import HEIGHT, WIDTH, street

from semloc_ros.cli.train import app
from semloc_ros.config.places_learning import PLACES_PRESETS, PlacesTrainingConfig
from semloc_ros.errors import ConfigError
from semloc_ros.networks.model_files import read_about
from semloc_ros.options import from_mapping


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def city(tmp_path: Path) -> Path:
    """The made-up street with positions in the names: day is the database, night the queries."""
    for view in street(3, 12):
        part = "database" if view.run.endswith("day") else "queries"
        path = tmp_path / "city" / part / f"@{view.position[0]:.2f}@0@.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), view.read()[:, :, ::-1])
    return tmp_path / "city"


def test_a_training_with_gps_from_images(city: Path, tmp_path: Path) -> None:
    out = tmp_path / "places.safetensors"
    given = {
        "width": WIDTH, "height": HEIGHT, "dimensions": 16, "place_blocks": 3,
        "pairing.negative_m": 12, "training.iterations": 2, "training.batch": 2,
        "training.threads": 1, "training.accelerator": "cpu",
    }  # fmt: skip
    options = [word for one in given.items() for word in ("--set", "=".join(map(str, one)))]
    done = run("places", city, "--out", out, "--licence", "CC0", *options)
    assert done.exit_code == 0, done.output
    assert "1 - recall" in done.output
    about = read_about(out)
    assert about.licence == "CC0" and about.data == "city"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["places", "x", "--out", "a.safetensors", "--input", "depth"],
         "--input: expected rgb or labels, got depth"),
        (["places", "x", "--out", "a.safetensors", "--preset", "large"],
         "--preset: expected small or paper, got large"),
        (["places", "x", "--out", "a.safetensors", "--set", "margins=1"], "did you mean margin?"),
        (["places", "x", "--out", "a.onnx"], "--out: expected NAME.safetensors, got a.onnx"),
        (["hybrid", "x", "--semantic", "a", "--rgb", "b", "--out", "c.json"],
         "--out: expected NAME.yaml, got c.json"),
    ],
)  # fmt: skip
def test_what_is_refused(arguments: list[str], line: str) -> None:
    fault = run(*arguments).exception
    assert isinstance(fault, ConfigError) and line in str(fault)


@pytest.mark.parametrize("preset", PLACES_PRESETS)
def test_presets_are_options(preset: str) -> None:
    config = from_mapping(PlacesTrainingConfig, PLACES_PRESETS[preset])
    assert config.pairing.positive_m < config.pairing.negative_m


@pytest.mark.parametrize("command", ["fgsn", "segmentation", "places", "dynamic", "pose"])
def test_every_training_takes_the_shared_options(command: str, tmp_path: Path) -> None:
    folders = [] if command == "dynamic" else ["x"]
    given = [command, *folders, "--out", "a.onnx", "--start", "b", "--seed", "1", "--licence", "c"]
    shared = {
        ("--preset", "paper"): "--out: expected NAME.safetensors, got a.onnx",
        ("--preset", "large"): "--preset: expected small or paper, got large",
        ("--config", str(tmp_path / "none.yaml")): "none.yaml: expected a readable yaml file",
        ("--set", "moons=2"): "moons: unknown parameter",
    }
    for words, line in shared.items():
        fault = run(*given, *words).exception
        assert isinstance(fault, ConfigError) and line in str(fault), fault
