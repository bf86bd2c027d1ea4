"""Short trainings on pictures of four patterns in two lights: that they learn, and repeat."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from semloc_ros.config.learning import (  # noqa: E402
    FgsnTrainingConfig,
    SegmentationTrainingConfig,
    TrainingConfig,
)
from semloc_ros.errors import ConfigError, DatasetError  # noqa: E402
from semloc_ros.evaluation.label_quality import (  # noqa: E402
    contingency,
    normalized_information,
)
from semloc_ros.learning.fgsn import FgsnProgram, stationary  # noqa: E402
from semloc_ros.learning.loop import (  # noqa: E402
    STATE_FILE,
    learned_batchnorms,
    learning_rate,
    set_training,
    train,
)
from semloc_ros.learning.pairs import Split  # noqa: E402
from semloc_ros.learning.segmentation import SegmentationProgram  # noqa: E402
from semloc_ros.networks.images import IMAGENET, to_tensor  # noqa: E402
from semloc_ros.networks.segmentation import make_network  # noqa: E402
from semloc_ros.types import ImagePair, LabelledImage  # noqa: E402

SIZE = 96
SHORT = TrainingConfig(
    iterations=24, batch=4, crop_px=64, learning_rate=0.003, validate_every=8,
    validation_samples=4, threads=1, accelerator="cpu",
)  # fmt: skip
CLUSTERS = FgsnTrainingConfig(
    clusters=8, points_per_pair=60, features_per_image=100, dimensions=16, training=SHORT
)


def patterns(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Grey values (S, S) in [0, 1] and which of four patterns each pixel has, in four corners."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    row, column = rng.integers(SIZE // 3, 2 * SIZE // 3, 2)
    which = 2 * (rows >= row) + (columns >= column)
    kinds = [
        np.full((SIZE, SIZE), 0.2), (columns // 4) % 2, (rows // 4) % 2, rng.random((SIZE, SIZE)),
    ]  # fmt: skip
    return np.choose(which, kinds), which.astype(np.uint8)


def picture(seed: int, light: tuple[float, float, float]) -> np.ndarray:
    grey, _ = patterns(seed)
    return (255 * grey[..., None] * np.array(light)).astype(np.uint8)


DAY, NIGHT = (0.9, 0.9, 0.8), (0.3, 0.3, 0.5)


def pair(number: int) -> ImagePair:
    points = np.random.default_rng(number).uniform(0, SIZE - 1, (80, 2))
    return ImagePair(
        f"day/{number:03d}.png", f"night/{number:03d}.png", lambda: picture(number, DAY),
        lambda: picture(number, NIGHT), points, points,
    )  # fmt: skip


SPLIT = Split([pair(number) for number in range(8)], [pair(number) for number in range(8, 12)])


def trained(out: Path, config: FgsnTrainingConfig = CLUSTERS) -> FgsnProgram:
    network = make_network("mobile", config.clusters, torch.Generator().manual_seed(0))
    program = FgsnProgram(network, SPLIT, config, seed=0)
    train(program, config.training, out, seed=0)
    return program


def test_l_corr_falls_and_clusters_tell_of_patterns(tmp_path: Path) -> None:
    told: list[dict[str, float]] = []
    network = make_network("mobile", 8, torch.Generator().manual_seed(0))
    program = FgsnProgram(network, SPLIT, CLUSTERS, seed=0)
    longer = dataclasses.replace(SHORT, iterations=40)
    train(program, longer, tmp_path, 0, lambda done, total, numbers: told.append(numbers))
    assert told[-1]["corr"] < 0.8 * told[0]["corr"]
    table = np.zeros((8, 4), np.int64)
    network.eval()
    for number in range(8, 12):
        with torch.no_grad():
            scores = network(to_tensor(picture(number, NIGHT), IMAGENET)[None]).logits
        labels = scores[0].argmax(0).numpy()
        table += contingency(labels.astype(np.uint8), patterns(number)[1][4::8, 4::8], (8, 4))
    shuffled = np.outer(table.sum(1), table.sum(0)) / table.sum()
    assert normalized_information(shuffled.round().astype(np.int64)) < 0.05
    assert normalized_information(table) > 0.2


def test_same_seed_same_weights_and_a_stopped_run_goes_on_to_them(tmp_path: Path) -> None:
    short = dataclasses.replace(CLUSTERS, training=dataclasses.replace(SHORT, iterations=4,
                                validate_every=2, batch=2))  # fmt: skip
    whole = trained(tmp_path / "whole", short)
    again = trained(tmp_path / "again", short)

    class Stopped(Exception):
        """As if the process had been killed after the second validation began."""

    def stop(done: int, total: int, numbers: dict[str, float]) -> None:
        raise Stopped

    network = make_network("mobile", 8, torch.Generator().manual_seed(0))
    with pytest.raises(Stopped):
        train(FgsnProgram(network, SPLIT, short, 0), short.training, tmp_path / "cut", 0, stop)
    resumed = trained(tmp_path / "cut", short)
    for other in (again, resumed):
        for name, value in whole.network.state_dict().items():
            assert torch.equal(value, other.network.state_dict()[name]), name


def test_clustering_anew_restarts_the_last_layer(tmp_path: Path) -> None:
    short = dataclasses.replace(
        CLUSTERS, recluster_every=2,
        training=dataclasses.replace(SHORT, iterations=4, validate_every=2, batch=2),
    )  # fmt: skip
    starts: list[int] = []

    class Counted(FgsnProgram):
        def start(self, number: int, device: torch.device) -> None:
            super().start(number, device)
            starts.append(number)
            assert not self.network.classifier.bias.detach().any()

    network = make_network("mobile", 8, torch.Generator().manual_seed(0))
    train(Counted(network, SPLIT, short, 0), short.training, tmp_path, 0)
    assert starts == [0, 1]


def test_stopped_where_clusters_are_made_anew_it_makes_them(tmp_path: Path) -> None:
    options = dataclasses.replace(
        CLUSTERS, recluster_every=2,
        training=dataclasses.replace(SHORT, iterations=4, validate_every=2, batch=1, crop_px=68),
    )  # fmt: skip
    whole = trained(tmp_path / "whole", options)

    def stop(done: int, total: int, numbers: dict[str, float]) -> None:
        raise KeyboardInterrupt

    network = make_network("mobile", 8, torch.Generator().manual_seed(0))
    with pytest.raises(KeyboardInterrupt):
        train(FgsnProgram(network, SPLIT, options, 0), options.training, tmp_path / "cut", 0, stop)
    resumed = trained(tmp_path / "cut", options)
    for name, labels in whole.labels.items():  # of the best weights, whichever clustering
        assert np.array_equal(labels, resumed.labels[name]), name
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name


@pytest.mark.parametrize(("best", "wanted"), [(1, 0), (2, 1)])
def test_the_labels_are_those_of_the_best_weights(tmp_path: Path, best: int, wanted: int) -> None:
    class Judged(FgsnProgram):
        made: list[np.ndarray] = []

        def start(self, number: int, device: torch.device) -> None:
            super().start(number, device)
            self.made.append(self.labels["day/000.png"])

        def validate(self, device: torch.device) -> dict[str, float]:
            return {"score": abs(best - len(self.made))}

    options = dataclasses.replace(
        CLUSTERS, recluster_every=1, training=dataclasses.replace(SHORT, iterations=2, batch=1)
    )
    program = Judged(make_network("mobile", 8, torch.Generator().manual_seed(0)), SPLIT, options, 0)
    Judged.made = []
    train(program, options.training, tmp_path, 0)
    assert np.array_equal(program.labels["day/000.png"], Judged.made[wanted])


def test_a_loss_that_is_not_finite_ends_it(tmp_path: Path) -> None:
    class Burst(FgsnProgram):
        def losses(self, network: torch.nn.Module, batch: Any) -> dict[str, torch.Tensor]:
            return {"loss": super().losses(network, batch)["loss"] * float("nan")}

    network = make_network("mobile", 8, torch.Generator().manual_seed(0))
    with pytest.raises(ConfigError, match="loss of iteration 1: expected a finite number"):
        train(Burst(network, SPLIT, CLUSTERS, 0), SHORT, tmp_path, 0)


def test_pairs_without_points_teach_nothing(tmp_path: Path) -> None:
    away = [dataclasses.replace(one, points_a=one.points_a + 1e4) for one in SPLIT.validation]
    program = FgsnProgram(
        make_network("mobile", 8, torch.Generator().manual_seed(0)), Split(SPLIT.training, away),
        CLUSTERS, 0,
    )  # fmt: skip
    program.load_state({  # any labels
        one.name_a: torch.zeros(12, 12, dtype=torch.int64)
        for one in SPLIT.training + SPLIT.validation
    })  # fmt: skip
    program.network.eval()
    with pytest.raises(DatasetError, match="points that lie in both images, got none"):
        program.validate(torch.device("cpu"))


def test_another_training_does_not_go_on_with_this_one(tmp_path: Path) -> None:
    options = dataclasses.replace(SHORT, iterations=1, batch=1)
    for seed, raises in ((1, False), (2, True)):
        network = make_network("mobile", 8, torch.Generator().manual_seed(0))
        program = FgsnProgram(network, SPLIT, CLUSTERS, 0)
        if raises:
            with pytest.raises(ConfigError, match="another --out, got --seed 1, now 2"):
                train(program, options, tmp_path, 0, same={"--seed": seed})
        else:
            train(program, options, tmp_path, 0, same={"--seed": seed})


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    (tmp_path / f"{STATE_FILE}.part").symlink_to("/dev/full")
    with pytest.raises(ConfigError, match="a folder that can be written"):
        trained(tmp_path, dataclasses.replace(
            CLUSTERS, training=dataclasses.replace(SHORT, iterations=1, batch=1)))  # fmt: skip


def test_more_devices_than_processes(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="training.devices: expected 1, as many processes"):
        trained(tmp_path, dataclasses.replace(
            CLUSTERS, training=dataclasses.replace(SHORT, devices=2)))  # fmt: skip


def test_stationary_labels_are_those_of_correspondences(tmp_path: Path) -> None:
    program = trained(tmp_path, dataclasses.replace(
        CLUSTERS, training=dataclasses.replace(SHORT, iterations=1, batch=1)))  # fmt: skip
    labels = program.labels[SPLIT.training[0].name_a]
    for one in SPLIT.training:
        program.labels[one.name_a][:] = 0
    labels[: len(labels) // 2] = 1
    points = np.array([[3.0, SIZE - 3.0]] * 10)  # all of them where the label is 0
    lower = Split([dataclasses.replace(one, points_a=points) for one in SPLIT.training], [])
    assert stationary(program, lower, 0.2)[:2] == (True, False)


def test_classes_are_learned(tmp_path: Path) -> None:
    images = [
        LabelledImage(str(n), lambda n=n: picture(n, DAY), lambda n=n: patterns(n)[1])  # type: ignore[misc]
        for n in range(8)
    ]
    config = SegmentationTrainingConfig(
        training=dataclasses.replace(SHORT, iterations=40), flip=False
    )
    network = make_network("mobile", 19, torch.Generator().manual_seed(0))
    told: list[dict[str, float]] = []
    program = SegmentationProgram(network, images[:6], images[6:], config, 0)
    train(program, config.training, tmp_path, 0, lambda done, total, numbers: told.append(numbers))
    assert told[-1]["class"] < 0.7 * told[0]["class"]
    assert told[-1]["validation_score"] < told[0]["validation_score"]
    assert told[-1]["validation_accuracy"] > 0.33  # chance is 0.25


def test_a_state_of_something_else_is_one_line(tmp_path: Path) -> None:
    (tmp_path / STATE_FILE).write_bytes(b"no state")
    with pytest.raises(ConfigError, match="the state of a training with these options"):
        trained(tmp_path)


def test_the_rate_falls_to_nothing_or_stays() -> None:
    falling = TrainingConfig(iterations=100, learning_rate=0.5)
    rates = [learning_rate(falling, iteration) for iteration in (0, 50, 99)]
    assert rates[0] == 0.5 and rates[1] == pytest.approx(0.25) and 0 < rates[2] < 0.001
    steady = dataclasses.replace(falling, schedule="constant")
    assert learning_rate(steady, 99) == 0.5


def test_only_statistics_that_were_learned_are_frozen() -> None:
    network = make_network("mobile", 8, torch.Generator().manual_seed(0))
    assert learned_batchnorms(network) == ()
    first = next(one for one in network.modules() if isinstance(one, torch.nn.BatchNorm2d))
    first.running_mean[0] = 0.5  # type: ignore[index]
    frozen = learned_batchnorms(network)
    assert frozen == (first,)
    set_training(network, frozen)
    modes = {one.training for one in network.modules() if isinstance(one, torch.nn.BatchNorm2d)}
    assert modes == {False, True} and not first.training


def test_last_layers_that_know_the_classes_are_kept() -> None:
    config = SegmentationTrainingConfig(training=SHORT)
    for knows in (True, False):
        network = make_network("mobile", 19, torch.Generator().manual_seed(0))
        before = network.classifier.weight.detach().clone()
        SegmentationProgram(network, [], [], config, 1, knows=knows).start(0, torch.device("cpu"))
        assert torch.equal(before, network.classifier.weight) == knows
