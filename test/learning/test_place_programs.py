"""From folders to files: a model of places from images and from labels, and a hybrid of the two."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from place_street import HEIGHT, WIDTH, street

from semloc_ros.config.places_learning import (
    HybridTrainingConfig,
    PlacesTrainingConfig,
)
from semloc_ros.errors import ConfigError, DatasetError, ModelError
from semloc_ros.learning import place_programs
from semloc_ros.learning.hybrid_programs import train_hybrid
from semloc_ros.learning.place_programs import PlaceData, train_places
from semloc_ros.maps import label_sets
from semloc_ros.networks.model_files import load_place_network, read_about
from semloc_ros.networks.place_about import PlaceAbout
from semloc_ros.options import from_mapping
from semloc_ros.perception.hybrids import load_hybrid

CONFIG = from_mapping(PlacesTrainingConfig, {
    "width": WIDTH, "height": HEIGHT, "dimensions": 16, "negatives": 1,
    "training.iterations": 2, "training.validate_every": 2, "training.batch": 2,
    "training.threads": 1, "training.accelerator": "cpu",
})  # fmt: skip


def write_world(folder: Path, number: int) -> Path:
    """The made-up street as `semloc world make` writes worlds: it looks along the map's y."""
    about = {"world": "street", "config": {"seed": number}}
    folder.mkdir(parents=True)
    (folder / "world.json").write_text(json.dumps(about))
    for view in street(number, 6):
        run = folder / "frames" / view.run.split("/")[1]
        image, stamp = run / "sensors" / "records_data" / view.name, Path(view.name).stem
        image.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(image), view.read()[:, :, ::-1])
        labels = (run / "truth" / view.name).with_suffix(".labels.png")
        labels.parent.mkdir(parents=True, exist_ok=True)
        assert view.read_labels is not None
        cv2.imwrite(str(labels), view.read_labels())
        x, _, z = view.position
        rows = {
            "sensors": f"left, left, camera, PINHOLE, {WIDTH}, {HEIGHT}, 50, 50, 31.5, 23.5\n",
            "trajectories": f"{stamp}, left, 0.5, 0.5, 0, 0, {-x}, {z}, 0\n",
            "records_camera": f"{stamp}, left, {view.name}\n",
        }
        for name, row in rows.items():
            path = run / "sensors" / f"{name}.txt"
            with path.open("a") as stream:
                if name != "sensors" or stamp == "000000":
                    stream.write(row)
    return folder


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("worlds")
    return write_world(folder / "one", 1), write_world(folder / "two", 2)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, worlds: tuple[Path, Path]) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    found = {}
    for kind in ("rgb", "labels"):
        found[kind] = folder / f"{kind}.safetensors"
        data = PlaceData(worlds[:1], worlds[1:], kind)
        train_places(data, CONFIG, found[kind], 0)
    return found


def test_the_models_say_what_they_read(models: dict[str, Path]) -> None:
    rgb, semantic = read_about(models["rgb"]), read_about(models["labels"])
    assert isinstance(rgb, PlaceAbout) and isinstance(semantic, PlaceAbout)
    assert (rgb.input, rgb.planes, rgb.dimensions) == ("rgb", 3, 16)
    assert semantic.kept == tuple(range(11)) and semantic.num_labels == 19  # what moves has none
    assert semantic.labels == "cityscapes"


@pytest.mark.parametrize("network", [("small", "gem"), ("shallow", "grid")])
def test_a_trained_model_goes_on_from_what_it_knows(
    worlds: tuple[Path, Path], tmp_path: Path, network: tuple[str, str]
) -> None:
    config = replace(
        CONFIG, architecture=network[0], pooling=network[1], contrast="gradients", width=24,
        height=16, training=replace(CONFIG.training, learning_rate=1e-8),
    )  # fmt: skip
    first, second = (tmp_path / f"{name}.safetensors" for name in ("first", "second"))
    data = PlaceData(worlds[:1], worlds[1:])
    other = PlaceData(worlds[1:], worlds[:1])  # by which a fresh last layer would be another
    train_places(data, config, first, 0)
    train_places(other, config, second, 0, start=first)
    before, after = (load_place_network(path)[0].project.weight for path in (first, second))
    assert (before - after).abs().max() < 1e-5 * before.abs().max()


def test_what_is_held_out_is_not_trained_on(worlds: tuple[Path, Path], tmp_path: Path) -> None:
    again = write_world(tmp_path / "renamed", 2)  # the same street in another folder
    for held_out in (worlds[1], again):
        data = PlaceData(worlds, (held_out,))
        with pytest.raises(DatasetError, match=f"place that is not trained on, got {held_out}"):
            train_places(data, CONFIG, tmp_path / "a.safetensors", 0)


def test_what_the_network_cannot_take_is_said_before_it_is_trained(
    worlds: tuple[Path, Path], tmp_path: Path
) -> None:
    config = replace(CONFIG, architecture="alexnet", width=30)
    with pytest.raises(ModelError, match="width: expected 31 or more, got 30"):
        train_places(PlaceData(worlds[:1], worlds[1:]), config, tmp_path / "a.safetensors", 0)


def test_another_input_does_not_go_on(models: dict[str, Path], worlds: tuple[Path, Path]) -> None:
    data = PlaceData(worlds[1:], worlds[:1], "rgb")
    with pytest.raises(ConfigError, match="folders one two, now two one"):
        train_places(data, CONFIG, models["rgb"], 0)


class Dark:
    """Labels an image by what is dark in it; the second label moves."""

    name = "dark"
    about = label_sets.classes_named(("light", "dark"), np.array([True, False]))

    def __init__(self) -> None:
        self.count = 0
        self.sizes: set[tuple[int, ...]] = set()

    def label(self, image: np.ndarray) -> np.ndarray:
        self.count += 1
        self.sizes.add(image.shape[:2])
        return (image.mean(2) < 100).astype(np.uint8)


def test_labels_of_a_model_are_made_once(
    worlds: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labeller = Dark()
    monkeypatch.setattr(place_programs, "load_labeller", lambda model: labeller)
    (tmp_path / "dark.npz").write_bytes(b"weights")
    told = []
    data = PlaceData(
        worlds[:1], worlds[1:], "labels", str(tmp_path / "dark.npz"), tmp_path / "files"
    )
    for name in ("a", "b"):
        train_places(
            data, CONFIG, tmp_path / f"{name}.safetensors", 0, tell_labels=lambda: told.append(1)
        )
    assert labeller.count == 24 and len(told) == 48
    about = read_about(tmp_path / "b.safetensors")
    assert isinstance(about, PlaceAbout)
    assert (about.labels, about.num_labels, about.kept) == ("dark", 2, (0,))
    (tmp_path / "dark.npz").write_bytes(b"other weights")  # their labels are others
    train_places(data, CONFIG, tmp_path / "c.safetensors", 0)
    assert labeller.count == 48 and labeller.sizes == {(480, 640)}
    wide = replace(CONFIG, labels_width=2 * WIDTH)
    train_places(data, wide, tmp_path / "d.safetensors", 0)
    assert labeller.sizes == {(480, 640), (2 * HEIGHT, 2 * WIDTH)}


def test_a_hybrid_of_the_two(
    models: dict[str, Path], worlds: tuple[Path, Path], tmp_path: Path
) -> None:
    names = (str(models["labels"]), str(models["rgb"]))
    config, out = HybridTrainingConfig(steps=4), tmp_path / "both.yaml"
    learned = train_hybrid(worlds[1:], names, "truth", None, config, out, "semloc train hybrid")
    found = load_hybrid(str(out))
    assert found is not None and found.weight == learned.weight
    assert learned.hybrid["recall"] >= max(learned.semantic["recall"], learned.rgb["recall"])
    assert train_hybrid(worlds[1:], names, None, None, config, out, "") == learned  # by name
    assert found.learned["data"] == "two" and found.learned["queries"] == learned.queries == 12
    with pytest.raises(ConfigError, match="--semantic: expected a model of places that reads lab"):
        train_hybrid(worlds[1:], names[::-1], "truth", None, config, out, "")
