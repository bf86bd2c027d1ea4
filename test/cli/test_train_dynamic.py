"""`semloc train dynamic` from the command line, on a tiny world in COCO's form."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from semloc_ros.cli.train import app
from semloc_ros.config.dynamic_learning import DYNAMIC_PRESETS, DynamicTrainingConfig
from semloc_ros.errors import ConfigError
from semloc_ros.networks.model_files import read_about
from semloc_ros.options import from_mapping


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Ten pictures with one object each."""
    pytest.importorskip("pycocotools")
    images, annotations = [], []
    for number in range(1, 11):
        file = f"walk_{number:03d}.png"
        picture = np.full((64, 64, 3), 40, np.uint8)
        picture[10:40, number : number + 30] = 220
        (tmp_path / "made" / "images").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "made" / "images" / file), picture)
        images.append({"id": number, "file_name": file, "height": 64, "width": 64})
        left, right = number, number + 30
        outline = [left, 10, right, 10, right, 40, left, 40]
        annotations.append({
            "id": number, "image_id": number, "category_id": 1, "segmentation": [outline]
        })  # fmt: skip
    content = {
        "images": images, "annotations": annotations, "categories": [{"id": 1, "name": "dynamic"}]
    }
    (tmp_path / "made" / "instances.json").write_text(json.dumps(content))
    return tmp_path / "made"


def test_both_stages_from_images(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "moving.safetensors"
    given = {"short_side": 64, "pictures.width": 64, "pictures.height": 64, "blocks": 5}
    for stage in ("stage1", "stage2"):
        given |= {f"{stage}.iterations": 1, f"{stage}.batch": 2, f"{stage}.accelerator": "cpu"}
        given |= {f"{stage}.threads": 1, f"{stage}.validation_samples": 1}
    given["stage2.epochs"] = 0.5  # of 8 images, in batches of 2
    options = [word for one in given.items() for word in ("--set", "=".join(map(str, one)))]
    done = run(
        "dynamic", "--synthetic", pictures, "--real", pictures, "--model", "real", "--out", out,
        "--licence", "CC0", *options,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "1 - F1" in done.output and "at iteration 2" in done.output
    about = read_about(out)
    assert about.licence == "CC0" and about.data == "made, made"
    assert (tmp_path / "moving.training" / "stage1.safetensors").is_file()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--out", "a.pt"], "--out: expected NAME.safetensors, got a.pt"),
        (["--out", "a.safetensors"], "--synthetic: expected images, for --model synth, got none"),
        (["--out", "a.safetensors", "--preset", "big"], "--preset: expected small or paper"),
        (["--out", "a.safetensors", "--set", "stage1.epoch=1"], "did you mean stage1.epochs?"),
    ],
)
def test_what_does_not_do_is_one_line(arguments: list[str], line: str) -> None:
    fault = run("dynamic", *arguments).exception
    assert isinstance(fault, ConfigError) and line in str(fault)


def test_presets_are_options() -> None:
    small, paper = (
        from_mapping(DynamicTrainingConfig, DYNAMIC_PRESETS[name]) for name in ("small", "paper")
    )
    for config in (small, paper):  # Zhou et al., section IV
        rates = config.stage1.learning_rate, config.stage2.learning_rate
        assert rates == (1e-3, 1e-4)
    assert (paper.stage1.epochs, paper.stage2.epochs) == (50, 50)
    assert paper.stage1.freeze_backbone and not small.stage2.freeze_backbone
