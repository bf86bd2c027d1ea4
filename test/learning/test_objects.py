"""A short training on made-up pictures of two objects: that it learns them, and to match them."""

from __future__ import annotations

import dataclasses
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from object_scenes import HEIGHT, NAMES, scenes  # noqa: E402

from semloc_ros.config.learning import LoopConfig  # noqa: E402
from semloc_ros.config.object_learning import (  # noqa: E402
    OBJECT_PRESETS,
    ObjectPicturesConfig,
    ObjectTrainingConfig,
    OccludersConfig,
)
from semloc_ros.errors import ConfigError, DatasetError  # noqa: E402
from semloc_ros.learning import object_programs  # noqa: E402
from semloc_ros.learning.loop import learning_rate  # noqa: E402
from semloc_ros.learning.object_programs import ObjectData, train_objects  # noqa: E402
from semloc_ros.learning.object_quality import judged, totals  # noqa: E402
from semloc_ros.learning.object_room import points_of  # noqa: E402
from semloc_ros.learning.object_samples import KeptObjects  # noqa: E402
from semloc_ros.maps.objects import MapObjects, ObjectInstance, ObjectOfInterest  # noqa: E402
from semloc_ros.networks.model_files import load_object_network  # noqa: E402
from semloc_ros.networks.object_losses import object_targets  # noqa: E402
from semloc_ros.options import from_mapping  # noqa: E402
from semloc_ros.types import ObjectImage, PictureObjects  # noqa: E402

LOOP = LoopConfig(
    iterations=4, batch=2, learning_rate=0.002, validate_every=2, validation_samples=3, threads=1,
    accelerator="cpu",
)  # fmt: skip
CONFIG = ObjectTrainingConfig(
    short_side=HEIGHT, memory_mb=10,
    pictures=ObjectPicturesConfig(
        homography=0.1, near=0.0, jitter=False, occluders=OccludersConfig(most=0)
    ),
    training=LOOP,
)  # fmt: skip
WORLD = ObjectData(worlds=(Path("made"),))


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_programs, "world_object_images", lambda folder, prefix: scenes(6))
    monkeypatch.setattr(
        object_programs, "world_object_names",
        lambda folder, prefix: {"other"} if folder.name == "other" else set(NAMES),
    )  # fmt: skip


def log_of(out: Path) -> list[dict[str, float]]:
    lines = (out.with_name(out.stem + ".training") / "log.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_losses_fall_and_the_model_is_whole(tmp_path: Path) -> None:
    longer = dataclasses.replace(LOOP, iterations=10, validate_every=5, learning_rate=0.004)
    config = dataclasses.replace(CONFIG, training=longer)
    out = tmp_path / "made.safetensors"
    found = train_objects(WORLD, config, out, seed=1)
    first, last = log_of(out)
    assert last["class"] < 0.6 * first["class"]
    assert last["objectness"] < 0.4 * first["objectness"]
    assert last["values"] < first["values"]
    best = min(one["validation_score"] for one in (first, last))
    assert found["best_score"] == pytest.approx(best)
    network, about = load_object_network(out)
    assert about.names == NAMES and about.head == "dense" and network.num_objects == 2


def test_a_training_goes_on_where_it_stopped(tmp_path: Path) -> None:
    whole, halved = tmp_path / "whole.safetensors", tmp_path / "halved.safetensors"
    once = dataclasses.replace(LOOP, schedule="constant", batch=1, validation_samples=1)
    longer = dataclasses.replace(once, validate_every=1, iterations=2)
    config = dataclasses.replace(CONFIG, training=longer)
    shorter = dataclasses.replace(config, training=dataclasses.replace(longer, iterations=1))
    train_objects(WORLD, config, whole, seed=2)
    train_objects(WORLD, shorter, halved, seed=2)
    train_objects(WORLD, config, halved, seed=2)
    one, other = (
        torch.load(path.with_name(f"{path.stem}.training") / "state.pt")["network"]
        for path in (whole, halved)
    )
    assert all(torch.equal(one[name], other[name]) for name in one)
    with pytest.raises(ConfigError, match="head dense, now homography"):
        train_objects(WORLD, dataclasses.replace(config, head="homography"), halved, seed=2)


def hung(name: str, *corners: tuple[float, float, float]) -> ObjectOfInterest:
    """A square metre, upright, at each of these top left corners."""
    picture = np.zeros((4, 4, 3), np.uint8)
    instances = tuple(
        ObjectInstance(np.array([[1, 0, x], [0, 0, y], [0, -1, z], [0, 0, 1.0]]))
        for x, y, z in corners
    )
    return ObjectOfInterest(name, picture, picture[..., 0], instances)


def test_points_of_the_room_are_where_objects_hang() -> None:
    source = MapObjects((hung("rings", (0, 0, 2)), hung("stripes", (4, 6, 3))))
    points = points_of([source, source], NAMES)
    labels = torch.tensor([[0, 1], [2, 2]])
    uv = torch.tensor([[[0.0, 0.0], [1.0, 0.5]], [[0.0, 0.0], [0.0, 1.0]]])
    metres = points(uv, labels) * points.scale + torch.tensor(points.offset)[:, None, None]
    wanted = [[0, 0, 2], [5, 6, 3], [4.5, 6, 2]]
    assert np.allclose(metres[:, labels > 0].T.numpy(), wanted, atol=1e-5)
    assert float(points(uv, labels).abs().max()) <= 1.0
    twice = MapObjects((hung("rings", (0, 0, 2), (9, 0, 2)), hung("stripes", (4, 6, 3))))
    with pytest.raises(ConfigError, match="rings at one place, for the head points3d, got 2"):
        points_of([twice], NAMES)


def test_finds_are_judged_against_truth() -> None:
    """A find whose u is 0.01 too large, of an object of 56 pixels: 0.56 pixels."""
    columns, rows = torch.meshgrid(torch.arange(100), torch.arange(100), indexing="xy")
    inside = (columns >= 20) & (columns < 76) & (rows >= 30) & (rows < 86)
    uv = torch.stack([(columns - 19.5) / 56, (rows - 29.5) / 56])
    target = object_targets(inside.int(), uv, torch.tensor([2]))
    box = torch.tensor([[20.0, 30.0, 76.0, 86.0], [0.0, 0.0, 15.0, 15.0]])
    steps = (torch.arange(56) + 0.5) / 56
    values = torch.stack(torch.meshgrid(steps + 0.01, steps, indexing="xy"))
    found = {
        "boxes": box, "windows": box, "labels": torch.tensor([2, 1]),
        "scores": torch.tensor([0.9, 0.6]), "masks": torch.ones(2, 56, 56),
        "values": torch.stack([values, values]), "sigmas": torch.full((2, 56, 56), 0.01),
    }  # fmt: skip
    numbers = totals(judged(found, target))
    assert numbers["recall"] == 1.0 and numbers["precision"] == 0.5
    assert numbers["error"] == pytest.approx(0.01, abs=1e-5)
    assert numbers["error_px"] == pytest.approx(0.56, abs=1e-3)
    assert numbers["normalized"] == pytest.approx(1 / 1.17741, abs=1e-3)
    assert numbers["score"] == pytest.approx(0.5 * 0.01 / 0.2 + 0.5, abs=1e-4)  # and one of none
    other = {**found, "labels": torch.tensor([1, 1])}
    missed = totals(judged(other, target))
    assert missed["recall"] == 0.0 and missed["error"] == missed["normalized"] == -1.0
    below = {**found, "scores": torch.tensor([0.4, 0.3])}
    assert totals(judged(below, target))["score"] == 1.0, "worse than a find with poor matches"


def test_the_rate_falls_in_steps() -> None:
    config = from_mapping(ObjectTrainingConfig, OBJECT_PRESETS["paper"]).training
    rates = [learning_rate(config, at) for at in (0, 299_999, 300_000, 419_999, 420_000)]
    assert np.allclose(rates, [1.25e-3, 1.25e-3, 1.25e-4, 1.25e-4, 1.25e-5])
    assert (config.optimizer, config.momentum, config.weight_decay) == ("sgd", 0.9, 1e-4)


def test_strange_objects_and_no_images_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "made.safetensors"
    with pytest.raises(DatasetError, match="a map with --images, or --world"):
        train_objects(ObjectData(), CONFIG, out, seed=0)
    monkeypatch.setattr(
        object_programs, "world_object_images", lambda folder, prefix: renamed(folder.name)
    )
    held = dataclasses.replace(WORLD, validation=(Path("made/other"),))
    with pytest.raises(DatasetError, match="objects of the training images, got other"):
        train_objects(held, CONFIG, out, seed=0)


def test_names_are_known_without_a_look_at_all_images() -> None:
    read: list[str] = []

    def counted(one: ObjectImage) -> ObjectImage:
        def truth() -> PictureObjects:
            read.append(one.name)
            return one.read_objects()

        return dataclasses.replace(one, read_objects=truth)

    part = KeptObjects([counted(one) for one in scenes(6)], 10)
    assert object_programs._names(WORLD, (part, part)) == NAMES
    assert 1 <= len(read) < 6


def renamed(world: str) -> list[ObjectImage]:
    """Scenes, the objects of which are called otherwise in the world `other`."""

    def truth(one: ObjectImage) -> PictureObjects:
        found = one.read_objects()
        return dataclasses.replace(found, names=("other",) * len(found.names))

    images = scenes(3)
    if world != "other":
        return images
    return [dataclasses.replace(one, read_objects=partial(truth, one)) for one in images]
