"""What localize.launch.py refuses before anything starts, and what it doubts in one line."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pose_models import ABOUT, write_pose_model

pytest.importorskip("rclpy", reason="needs ROS 2")
pytest.importorskip("launch_ros", reason="needs ROS 2")

Launched = Callable[..., dict[str, Any]]
FILE = "localize.launch.py"
WITHOUT_MASKS = "expected masks_model or mask_topic, as it learned from masked images, got none"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["places_model:=a", "pose_model:=b"], "pose_model: expected none beside places_model"),
        (["objects_model:=a", "correspondences_topic:=/m"], "expected none beside objects_model"),
        (["inject:=dorp"], "inject: 'dorp': unknown fault, did you mean drop?"),
        (["config:=/no/such.yaml"], "config: expected a yaml file, got /no/such.yaml"),
    ],
)
def test_what_is_refused_starts_no_process(
    launched: Launched, words: list[str], line: str
) -> None:
    shown = launched(FILE, "labels_model:=street", "masks_model:=masks", *words)["shown"]
    assert line in shown and "process started" not in shown


def test_options_without_the_model_that_reads_them_are_one_line_each(launched: Launched) -> None:
    words = ["regressor.device:=cpu", "regressor.threads:=2", "retriever.count:=5"]
    words += ["labeller.device:=cpu", "ooi.matcher:=features", "network_nice:=5"]
    seen = launched(FILE, *words)
    assert "localizer" in seen
    for line in (
        "regressor.device, regressor.threads: expected pose_model, whose node reads it, got none",
        "retriever.count: expected places_model, whose",
        "labeller.device: expected labels_model, whose",
        "ooi.matcher: expected objects_model, whose",
        "network_nice: expected masks_model, whose",
    ):
        assert seen["shown"].count(line) == 1
    assert "whose node reads it" not in launched(FILE)["shown"]


@pytest.mark.parametrize(
    ("masked", "word", "nodes"),
    [
        (True, "seed:=1", 2),
        (False, "seed:=1", 2),
        (True, "mask_topic:=/masks", 2),
        (True, "masks_model:=masks", 3),
    ],
)
def test_a_model_of_masked_images_without_masks_is_one_line(
    launched: Launched, tmp_path: Path, masked: bool, word: str, nodes: int
) -> None:
    about = dataclasses.replace(ABOUT, masked=masked)
    model = write_pose_model(tmp_path / "here.safetensors", about)
    shown = launched(FILE, f"pose_model:={model}", word, nodes=nodes)["shown"]
    assert shown.count(WITHOUT_MASKS) == (masked and word == "seed:=1")


def test_a_model_that_cannot_be_read_is_the_nodes_to_say(launched: Launched) -> None:
    seen = launched(FILE, "pose_model:=/none.safetensors", nodes=2)
    assert seen["pose_regressor"][1] == {"model": "/none.safetensors"}
    assert "expected" not in seen["shown"]
