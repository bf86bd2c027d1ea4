"""`semloc evaluate --places` from a bag to a folder: the map's places, and the same ones again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pose_models import ABOUT, write_pose_model
from small_bag import COUNT, Watching, config, write_drive

from semloc_ros.config import EvaluateConfig
from semloc_ros.errors import DatasetError, MapError
from semloc_ros.evaluation.running import predict, read_about
from semloc_ros.evaluation.sources import Job
from semloc_ros.geometry import se3
from semloc_ros.maps.manifest import Manifest
from semloc_ros.maps.place_files import PlaceDescriptors, save_places
from semloc_ros.maps.semantic_map import ARRAYS, SemanticMap
from semloc_ros.maps.storage import save_map
from semloc_ros.perception.gradient_places import GradientDescriber
from semloc_ros.types import Camera

VIEWS = 12
CAMERA_FROM_MAP = np.stack([se3.exp([x, 0, 0, 0, 0, 0.1]) for x in range(VIEWS)])
CAMERA = Camera("pinhole", 64, 48, 60.0, 60.0, 31.5, 23.5)


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    return write_drive(tmp_path / "drive")


@pytest.fixture
def options(tmp_path: Path) -> EvaluateConfig:
    """Those of a map of twelve views, without points, some of whose views were described."""
    counts = {"P+1": 1, "V": VIEWS, "V+1": VIEWS + 1, "D": 128}
    arrays = {
        name: np.zeros([one if isinstance(one, int) else counts.get(one, 0) for one in shape], kind)
        for name, ((kind, *_), shape) in ARRAYS.items()
    }
    arrays["camera_from_map"] = CAMERA_FROM_MAP
    names = tuple(f"{view}.png" for view in range(VIEWS))
    save_map(SemanticMap(Manifest("none"), names, (CAMERA,), **arrays), tmp_path / "map")
    describer, rng = GradientDescriber(), np.random.default_rng(0)
    views = np.arange(1, VIEWS, 2)
    rows = np.stack([describer.describe(rng.integers(0, 255, (48, 64), np.uint8)) for _ in views])
    places = PlaceDescriptors(describer.name, describer.sha256, rows, views)
    save_places(tmp_path / "map", places)
    return config(map=str(tmp_path / "map"), retriever={"count": 4})


def test_each_image_gets_places_of_the_map_and_the_same_ones_again(
    bag: Path, tmp_path: Path, options: EvaluateConfig
) -> None:
    runs = []
    job = Job(bag, "/ground_truth/pose", places="gradients")
    for out in (tmp_path / "first", tmp_path / "again"):
        watching = Watching()
        predict(job, watching, options, out)
        runs.append([frame.places for frame in watching.frames])
        assert read_about(out)["places"] == "gradients"
    assert len(runs[0]) == COUNT
    for frame, (first, again) in zip(watching.frames, zip(*runs, strict=True), strict=True):
        assert first is not None and first.stamp_ns == frame.stamp_ns and len(first) == 4
        assert set(first.views) <= set(range(1, VIEWS, 2)), "of what was described"
        there = se3.inverse(CAMERA_FROM_MAP[first.views])
        np.testing.assert_allclose(first.map_from_camera, there, atol=1e-6)
        assert np.array_equal(first.scores, again.scores)
        assert np.array_equal(first.views, again.views)


def test_a_model_of_poses_is_a_source_of_places_too(
    bag: Path, tmp_path: Path, options: EvaluateConfig
) -> None:
    centres = se3.inverse(CAMERA_FROM_MAP)[:, :3, 3]
    about = replace(ABOUT, position_offset=tuple(centres.mean(0).tolist()))
    model = write_pose_model(tmp_path / "pose.safetensors", about)
    watching = Watching()
    predict(Job(bag, "/ground_truth/pose", places=str(model)), watching, options, tmp_path / "out")
    for frame in watching.frames:
        assert frame.places is not None and frame.places.views.tolist() == [-1]
        assert frame.places.stamp_ns == frame.stamp_ns and frame.places.spreads is not None
    far = replace(ABOUT, position_offset=(500.0, 0.0, 0.0))
    elsewhere = write_pose_model(tmp_path / "far.safetensors", far)
    job = Job(bag, "/ground_truth/pose", places=str(elsewhere))
    with pytest.raises(MapError, match=r"views around 500\.0, 0\.0, 0\.0, where far was trained"):
        predict(job, Watching(), options, tmp_path / "none")


def test_an_oracle_is_the_same_again_and_another_by_another_seed(
    bag: Path, tmp_path: Path, options: EvaluateConfig
) -> None:
    found = []
    for number, seed in enumerate((0, 0, 1)):
        watching = Watching()
        job = Job(bag, "/ground_truth/pose", places="oracle=0.5")
        predict(job, watching, replace(options, seed=seed), tmp_path / str(number))
        found.append(np.stack([frame.places.views for frame in watching.frames]))
    assert np.array_equal(found[0], found[1]) and not np.array_equal(found[0], found[2])


def test_places_that_cannot_be_end_before_anything_is_written(
    bag: Path, tmp_path: Path, options: EvaluateConfig
) -> None:
    job = Job(bag, "/ground_truth/pose", places="gradients")
    nowhere = replace(options, map=str(tmp_path / "none"))
    with pytest.raises(MapError) as caught:
        predict(job, Watching(), nowhere, tmp_path / "out")
    assert "\n" not in str(caught.value)
    again = replace(options.retriever, rerank_weight=1.0)  # which reads labels, and there are none
    with pytest.raises((MapError, DatasetError), match="label"):
        predict(job, Watching(), replace(options, retriever=again), tmp_path / "out")
    assert not (tmp_path / "out" / "predictions.jsonl").exists()
