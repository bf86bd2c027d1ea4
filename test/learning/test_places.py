"""Short trainings of place descriptors on a made-up street: that they learn, and repeat."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from place_street import HEIGHT, LABELS, WIDTH, street  # noqa: E402

from semloc_ros.config.learning import LoopConfig  # noqa: E402
from semloc_ros.config.places_learning import ChangesConfig, PlacesTrainingConfig  # noqa: E402
from semloc_ros.errors import DatasetError  # noqa: E402
from semloc_ros.learning.loop import train  # noqa: E402
from semloc_ros.learning.place_pictures import Pictures, describe  # noqa: E402
from semloc_ros.learning.places import PlaceProgram  # noqa: E402
from semloc_ros.networks.place_about import PlaceAbout  # noqa: E402
from semloc_ros.networks.places import make_place_network  # noqa: E402

CONFIG = PlacesTrainingConfig(
    width=WIDTH, height=HEIGHT, dimensions=32, margin=0.3, negatives=2, refresh_every=12,
    changes=ChangesConfig(blocks=1, mirror=False),
    training=LoopConfig(
        iterations=36, batch=4, learning_rate=0.002, validate_every=12, validation_samples=100,
        threads=1, accelerator="cpu",
    ),
)  # fmt: skip
SHORT = dataclasses.replace(
    CONFIG, refresh_every=2, pooling="netvlad",
    training=dataclasses.replace(CONFIG.training, iterations=4, validate_every=1, batch=2),
)
RGB = PlaceAbout("test", "small", "gem", 3, 32, "rgb", WIDTH, HEIGHT)
KEPT = tuple(range(LABELS - 1))
SEMANTIC = PlaceAbout(
    "test", "small", "gem", len(KEPT), 32, "labels", WIDTH, HEIGHT, labels="wall",
    num_labels=LABELS, kept=KEPT,
)  # fmt: skip


def program(config: PlacesTrainingConfig = CONFIG, about: PlaceAbout = RGB) -> PlaceProgram:
    network = make_place_network(
        "small", config.pooling, about.planes, config.dimensions,
        torch.Generator().manual_seed(0),
    )  # fmt: skip
    training = Pictures([*street(0), *street(1)], about, 100)
    return PlaceProgram(network, training, Pictures(street(2), about, 100), config, 0)


@pytest.mark.parametrize("about", [RGB, SEMANTIC], ids=["rgb", "labels"])
def test_the_loss_falls_and_unseen_places_are_found(tmp_path: Path, about: PlaceAbout) -> None:
    told: list[dict[str, float]] = []
    trained = program(about=about)
    train(trained, CONFIG.training, tmp_path, 0, lambda done, total, numbers: told.append(numbers))
    assert told[-1]["loss"] < 0.9 * told[0]["loss"]
    chance = 1 / 12
    assert max(one["validation_recall"] for one in told) > 3 * chance


def test_same_seed_same_weights_and_a_stopped_run_goes_on_to_them(tmp_path: Path) -> None:
    whole, again, resumed = program(SHORT), program(SHORT), program(SHORT)
    train(whole, SHORT.training, tmp_path / "whole", 0)
    train(again, SHORT.training, tmp_path / "again", 0)
    for stop_at in (1, 2):  # amid a cache, and where it is made anew

        def stop(done: int, total: int, numbers: dict[str, float], at: int = stop_at) -> None:
            if done == at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train(program(SHORT), SHORT.training, tmp_path / "cut", 0, stop)
    train(resumed, SHORT.training, tmp_path / "cut", 0)
    for other in (again, resumed):
        for name, value in whole.network.state_dict().items():
            assert torch.equal(value, other.network.state_dict()[name]), name


def test_a_fresh_network_tells_images_apart() -> None:
    fresh = program()
    fresh.start(0, torch.device("cpu"))
    pictures = Pictures(street(2), RGB, 100)
    cosines = describe(pictures, fresh.network, torch.device("cpu"))
    similar = cosines @ cosines.T
    assert np.median(similar[~np.eye(len(similar), dtype=bool)]) < 0.5


def test_more_dimensions_than_images_all_say_something() -> None:
    fresh = program(dataclasses.replace(CONFIG, dimensions=100))
    fresh.start(0, torch.device("cpu"))
    found = describe(Pictures(street(2), RGB, 100), fresh.network, torch.device("cpu"))
    assert (found.std(0) > 1e-4).all()


def test_pictures_beyond_the_memory_are_read_again() -> None:
    reads = []

    def read() -> np.ndarray:
        reads.append(0)
        return np.zeros((200, 300, 3), np.uint8)

    views = [dataclasses.replace(one, read=read) for one in street(0)[:3]]
    size = dataclasses.replace(RGB, width=640, height=480)  # of 0.92 MB
    pictures = Pictures(views, size, 2)
    for row in (0, 1, 2, 0, 1, 2):
        assert pictures.planes(row).shape == (3, 480, 640)
    assert len(reads) == 4


def test_label_maps_are_kept_small_and_as_they_are() -> None:
    labels = np.kron(street(0)[0].read_labels(), np.ones((8, 8), np.uint8))  # type: ignore[misc]
    view = dataclasses.replace(street(0)[0], read_labels=lambda: labels)
    fine = Pictures([view], SEMANTIC, 1).planes(0)
    assert np.allclose(fine, Pictures(street(0)[:1], SEMANTIC, 1).planes(0))


def test_labels_that_are_not_there_are_one_line() -> None:
    views = [dataclasses.replace(street(0)[0], read_labels=None)]
    with pytest.raises(DatasetError, match=r"street0/day/left/000000.jpg: expected labels"):
        Pictures(views, SEMANTIC, 1)


def test_one_small_place_teaches_nothing() -> None:
    network = make_place_network("small", "gem", 3, 32, torch.Generator())
    street_, held_out = Pictures(street(0), RGB, 1), Pictures(street(1), RGB, 1)
    wide = dataclasses.replace(CONFIG.pairing, negative_m=1e6)
    config = dataclasses.replace(CONFIG, pairing=wide)
    with pytest.raises(DatasetError, match=r"images more than 1e\+06 m apart .*negative_m"):
        PlaceProgram(network, street_, held_out, config, 0)


def test_one_run_alone_teaches_nothing() -> None:
    network = make_place_network("small", "gem", 3, 32, torch.Generator())
    alone = Pictures(street(0, runs=("day",)), RGB, 1)
    both = Pictures(street(1), RGB, 1)
    with pytest.raises(DatasetError, match="training: expected places that two runs show"):
        PlaceProgram(network, alone, both, CONFIG, 0)
    with pytest.raises(DatasetError, match="validation: expected places that two runs show"):
        PlaceProgram(network, both, alone, CONFIG, 0)
