"""Losses of pose networks by hand, what they are shown, and short trainings."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from numpy.typing import NDArray  # noqa: E402
from pose_room import HEIGHT, WIDTH, write_traversal, write_world  # noqa: E402
from scipy.spatial.transform import Rotation  # noqa: E402
from torch import nn  # noqa: E402

from semloc_ros.config.pose_learning import PoseLightConfig, PoseTrainingConfig  # noqa: E402
from semloc_ros.datasets.pose_views import masked_views, read_pose_views  # noqa: E402
from semloc_ros.errors import ConfigError, DatasetError  # noqa: E402
from semloc_ros.geometry import se3  # noqa: E402
from semloc_ros.learning.pose import pose_errors  # noqa: E402
from semloc_ros.learning.pose_losses import PoseLosses, side_of, targets  # noqa: E402
from semloc_ros.learning.pose_programs import PoseData, read_pose_split, train_pose  # noqa: E402
from semloc_ros.learning.pose_samples import (  # noqa: E402
    PosePictures,
    PoseSamples,
    in_other_light,
    normalization_of,
    poses_of,
)
from semloc_ros.networks.model_files import load_pose_network, read_about  # noqa: E402
from semloc_ros.networks.pose_about import PoseAbout  # noqa: E402
from semloc_ros.networks.pose_inputs import pose_planes, poses_from, whole_planes  # noqa: E402
from semloc_ros.options import from_mapping  # noqa: E402

CONFIG = from_mapping(PoseTrainingConfig, {
    "short_side": 68, "width": 64, "height": 64, "training.iterations": 4, "training.batch": 4,
    "training.validate_every": 2, "training.threads": 1, "training.accelerator": "cpu",
})  # fmt: skip


class Said(nn.Module):
    """A network that says the same of all images."""

    def __init__(self, numbers: list[list[float]]) -> None:
        super().__init__()
        self.numbers = nn.Parameter(torch.tensor(numbers))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.numbers


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return write_world(tmp_path_factory.mktemp("worlds") / "room")


def about_of(world: Path, **changes: object) -> PoseAbout:
    views = read_pose_views([world])
    about = PoseAbout(
        "a", "mobile", 68, 64, 64, (8.0, 2.0, 1.0), (1.0,) * 6,
        normalization=normalization_of(views),
    )  # fmt: skip
    return dataclasses.replace(about, **changes)  # type: ignore[arg-type]


def test_losses_are_those_of_equations_2_to_5() -> None:
    half = math.sqrt(0.5)
    found = [[1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 5.0], [0.0, 0.0, 4.0, 0.0, 0.0, 3.0, 3.0]]
    truth = torch.tensor([[1.0, 5.0, 7.0, 0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 4.0, 1.0, 0.0, 0.0, 0.0]])
    losses = PoseLosses(Said(found), 0.6, 0.2)(torch.zeros(2, 3, 4, 4), truth)
    # metres: 5 and 0; quaternions of length 1: 0, and from (1, 0, 0, 0) to (0, 0, h, h)
    turned = math.sqrt(1 + 2 * half**2)
    assert losses["position"].item() == pytest.approx(2.5)
    assert losses["rotation"].item() == pytest.approx(turned / 2)
    wanted = 2.5 * math.exp(-0.6) + 0.6 + turned / 2 * math.exp(-0.2) + 0.2
    assert losses["loss"].item() == pytest.approx(wanted)


def test_the_weights_of_both_losses_are_learned() -> None:
    made = PoseLosses(Said([[1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 5.0]]), 0.6, 0.2)
    made(torch.zeros(1, 3, 4, 4), torch.tensor([[0.0] * 6 + [1.0]]))["loss"].backward()
    # d/ds (L exp(-s) + s); a rotation without error leaves 1, and no NaN in the network
    assert made.scale_position.grad.item() == pytest.approx(1 - math.sqrt(14) * math.exp(-0.6))
    assert made.scale_rotation.grad.item() == pytest.approx(1.0)
    assert torch.isfinite(made.network.numbers.grad).all()


def looking(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """`map_from_camera` of upright cameras that look that way, from the map's x to its y."""
    forward = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    turns = Rotation.from_euler("z", degrees[:, None], degrees=True).as_matrix() @ forward
    return se3.make_pose(turns, np.zeros(3))


def test_neighbouring_views_have_neighbouring_quaternions() -> None:
    """With w >= 0 for each, those on the two sides of -90 degrees were opposite."""
    poses = looking(np.arange(-150.0, -29.0, 5.0))
    plain = se3.to_quaternion_xyzw(poses)[1]
    assert np.linalg.norm(np.diff(plain, axis=0), axis=1).max() > 1.9
    found = targets(poses, np.zeros(3))[:, 3:]
    assert np.linalg.norm(np.diff(found, axis=0), axis=1).max() < 0.05
    np.testing.assert_allclose(np.abs(found), np.abs(plain), atol=1e-6)
    middle = se3.to_quaternion_xyzw(looking(np.array([-90.0])))[1][0]
    assert np.abs(side_of(plain) @ middle) > 0.99 and side_of(plain)[3] >= 0


@pytest.mark.parametrize("gap", [-90.0, 20.0, 75.0, 160.0])
def test_the_cut_is_where_nobody_looks(gap: float) -> None:
    """Cameras that look nearly all ways around, and not 20 degrees to either side of one."""
    found = targets(looking(gap + np.arange(20.0, 341.0, 5.0)), np.zeros(3))[:, 3:]
    assert np.linalg.norm(np.diff(found, axis=0), axis=1).max() < 0.05
    assert found[0] @ found[-1] < -0.9  # on the two sides of the gap


def test_targets_and_poses_are_each_others_inverse() -> None:
    rng = np.random.default_rng(1)
    poses = se3.exp(rng.normal(size=(20, 6)) * [9, 9, 9, 1, 1, 1])
    offset = np.array([100.0, -50.0, 3.0])
    np.testing.assert_allclose(poses_from(targets(poses, offset), offset), poses, atol=1e-4)


def test_errors_are_in_the_axes_of_the_map() -> None:
    truth = looking(np.array([40.0, -120.0]))
    turn = Rotation.from_rotvec([0.0, 0.0, 0.1]).as_matrix()  # more to the left, for both
    found = truth.copy()
    found[:, :3, :3] = turn @ truth[:, :3, :3]
    found[:, 1, 3] += 0.5
    np.testing.assert_allclose(pose_errors(found, truth), [[0, 0.5, 0, 0, 0, 0.1]] * 2, atol=1e-9)


def test_the_normalization_is_the_data_sets_own(world: Path) -> None:
    views = read_pose_views([world / "frames" / "evening"])
    pixels = np.concatenate([view.image.read().reshape(-1, 3) for view in views]) / 255
    found = normalization_of(views)
    np.testing.assert_allclose(found.mean, pixels.mean(0), rtol=1e-9)
    np.testing.assert_allclose(found.std, pixels.std(0), rtol=1e-6)
    about = about_of(world, short_side=0, width=WIDTH, height=HEIGHT, normalization=found)
    planes = np.stack([pose_planes(view.image.read(), None, about) for view in views])
    np.testing.assert_allclose(planes.mean((0, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(planes.std((0, 2, 3)), 1, atol=1e-4)


def test_what_is_masked_is_zero_in_any_light(world: Path) -> None:
    views = masked_views(read_pose_views([world]), "truth", world)
    light = PoseLightConfig(0.5, 0.5, 0.3)
    config = dataclasses.replace(CONFIG, light=light, random_crops=False)
    pictures = PosePictures(views, about_of(world), 100)
    for row in range(3):
        mask = views[row].read_mask()
        assert mask is not None and 0.05 < (mask > 0).mean() < 0.2
        middle = pictures.middle(row)
        part = pictures.part(row, config, np.random.default_rng(row))
        hidden = (middle == 0).all(0)
        assert 0.02 < hidden.mean() < 0.4 and (part[:, hidden] == 0).all()
        assert np.abs(part - middle)[:, ~hidden].mean() > 0.02
        wanted = pose_planes(views[row].image.read(), mask, about_of(world))
        np.testing.assert_allclose(middle, wanted, atol=5e-3)  # kept as float16


def test_light_changes_pixels_as_if_the_image_had_been_changed(world: Path) -> None:
    image = read_pose_views([world])[0].image.read() // 2
    about = about_of(world, short_side=0)
    planes = whole_planes(image, None, about)
    light = PoseLightConfig(brightness=0.5, contrast=0.0, tint=0.0)
    found = in_other_light(planes, about.normalization, light, np.random.default_rng(4))
    gain = 1 + np.random.default_rng(4).uniform(-0.5, 0.5)
    brighter = np.clip(image.astype(np.float64) * gain, 0, 255).round().astype(np.uint8)
    np.testing.assert_allclose(found, whole_planes(brighter, None, about)[:3], atol=0.02)


def test_an_epoch_has_each_image_once_in_an_order_of_its_own(world: Path) -> None:
    views = read_pose_views([world / "frames" / "mapping"])
    truth = np.arange(7 * len(views), dtype=np.float32).reshape(-1, 7)
    samples = PoseSamples(PosePictures(views, about_of(world), 100), truth, CONFIG, seed=3)
    first, second = (
        [int(samples[epoch * len(views) + n][1][0]) // 7 for n in range(len(views))]
        for epoch in (0, 1)
    )
    assert sorted(first) == sorted(second) == list(range(len(views))) and first != second
    one, again = samples[5], samples[5]
    assert torch.equal(one[0], again[0]) and one[0].shape == (3, 64, 64)
    assert not torch.equal(one[0], samples[5 + 7 * len(views)][0])


def test_a_short_training_learns_where_it_is(world: Path, tmp_path: Path) -> None:
    longer = dataclasses.replace(
        CONFIG.training, iterations=40, batch=8, learning_rate=2e-3, validate_every=10
    )
    config = dataclasses.replace(CONFIG, training=longer, batchnorm_momentum=0.8)
    out, told = tmp_path / "room.safetensors", []
    data = PoseData((world,), (world / "frames" / "evening",), "truth")
    train_pose(data, config, out, 0, tell=lambda done, total, numbers: told.append(numbers))
    assert told[-1]["position"] < 0.75 * told[0]["position"]
    about = read_about(out)
    assert isinstance(about, PoseAbout) and about.masked and about.data == "room"
    assert about.position_offset == (8.0, 2.0, 1.0)  # without what is held out
    # whoever says the middle is 4 m off in the mean
    best = min(told, key=lambda numbers: numbers["validation_score"])
    assert best["validation_mean_m"] < 2.5
    # the spread is of the weights in the file, on what was held out
    network, _ = load_pose_network(out)
    views = masked_views(read_pose_views([world / "frames" / "evening"]), "truth", tmp_path)
    planes = [pose_planes(view.image.read(), view.read_mask(), about) for view in views]
    with torch.inference_mode():
        found = network(torch.from_numpy(np.stack(planes))).numpy()
    errors = pose_errors(poses_from(found, np.array(about.position_offset)), poses_of(views))
    np.testing.assert_allclose(about.spread, np.sqrt((errors**2).mean(0)), rtol=0.02)


def test_same_seed_same_weights_and_a_stopped_run_goes_on_to_them(
    world: Path, tmp_path: Path
) -> None:
    data = PoseData((world,), (world / "frames" / "evening",))

    class Stopped(Exception):
        """As if the process had been killed after the first validation."""

    def stop(done: int, total: int, numbers: dict[str, float]) -> None:
        raise Stopped

    whole, cut = tmp_path / "whole.safetensors", tmp_path / "cut.safetensors"
    train_pose(data, CONFIG, whole, 1)
    with pytest.raises(Stopped):
        train_pose(data, CONFIG, cut, 1, tell=stop)
    assert not cut.exists()
    loop = dataclasses.replace(CONFIG.training, epochs=4 * 4 / 40)  # the same four steps
    train_pose(data, dataclasses.replace(CONFIG, memory_mb=0, training=loop), cut, 1)
    one, other = (load_pose_network(path)[0].state_dict() for path in (whole, cut))
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    assert read_about(whole).spread == read_about(cut).spread
    with pytest.raises(ConfigError, match="--masks none, now truth"):
        train_pose(dataclasses.replace(data, masks="truth"), CONFIG, cut, 1)


def test_epochs_are_counted_in_images(world: Path, tmp_path: Path) -> None:
    loop = dataclasses.replace(CONFIG.training, epochs=0.5)  # of 40 images, in fours
    config = dataclasses.replace(CONFIG, training=loop)
    told: list[int] = []
    train_pose(
        PoseData((world / "frames" / "mapping",), (world / "frames" / "evening",)), config,
        tmp_path / "a.safetensors", 0, tell=lambda done, total, numbers: told.append(total),
    )  # fmt: skip
    assert set(told) == {5}


def test_what_does_not_do_is_one_line(world: Path, tmp_path: Path) -> None:
    out, data = tmp_path / "a.safetensors", PoseData((world,))
    lonely = dataclasses.replace(CONFIG.training, batch=4, accumulate=4)
    with pytest.raises(ConfigError, match=r"training.batch: expected two images or more"):
        train_pose(data, dataclasses.replace(CONFIG, training=lonely), out, 0)
    everything = PoseData((world / "frames" / "evening",), (world,))
    with pytest.raises(DatasetError, match="--validation: expected a part of the images, got all"):
        read_pose_split(everything, CONFIG, 0)
    with pytest.raises(DatasetError, match="expected folders of one map"):
        read_pose_split(PoseData((world,), (write_world(tmp_path / "b", 4, 6),)), CONFIG, 0)
    write_traversal(tmp_path / "two", np.array([1.0, 2.0]))
    with pytest.raises(DatasetError, match="images: expected two or more to train on, got 1"):
        train_pose(PoseData((tmp_path / "two",)), CONFIG, out, 0)
