"""The network of objects of interest: its parts against what they stand for, its losses by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torchvision.models import resnext101_32x8d
from torchvision.models.detection import maskrcnn_resnet50_fpn
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor

from semloc_ros.errors import ConfigError, ModelError
from semloc_ros.networks.model_files import ObjectAbout, save_model
from semloc_ros.networks.object_detection import ObjectNetwork, make_object_network
from semloc_ros.networks.object_heads import (
    GRID,
    LOG_SIGMA,
    BoxPredictor,
    GatheredLinear,
    MatchHead,
    fitted_homographies,
    homography_values,
    pooled,
)
from semloc_ros.networks.object_losses import (
    cell_losses,
    object_targets,
    sampled_truth,
    sigma_loss,
    which_loss,
)
from semloc_ros.networks.object_starting import start_objects

ABOUT = ObjectAbout("hall", "mobile", head="dense", short_side=64, names=("a", "b"))


def small(num_objects: int = 2, head: str = "dense", seed: int = 0) -> ObjectNetwork:
    generator = torch.Generator().manual_seed(seed)
    return make_object_network("mobile", head, num_objects, 64, True, generator)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_weights_of_one_object_give_what_all_of_them_would() -> None:
    features, objects = drawn(5, 8, 11), torch.tensor([2, 0, 0, 3, 1])
    for shared in (False, True):
        layer = GatheredLinear(8, 4, 3, shared)
        with torch.no_grad():
            layer.bias.copy_(drawn(4, 3, seed=1))
        every = torch.einsum("koi,nim->nkom", layer.weight, features) + layer.bias[:, :, None]
        if layer.shared is not None:
            every = every + torch.einsum("oi,nim->nom", layer.shared, features)[:, None]
        wanted = every[torch.arange(5), objects]
        torch.testing.assert_close(layer(features, objects), wanted, atol=1e-6, rtol=1e-5)


def test_scores_and_shifts_are_torchvisions() -> None:
    theirs, ours = FastRCNNPredictor(16, 5), BoxPredictor(16, 5, is_shared=False)
    ours.load_state_dict(theirs.state_dict())
    features, labels = drawn(7, 16), torch.tensor([1, 4, 4, 2, 3, 1, 2])
    scores, shifts = theirs(features)
    torch.testing.assert_close(ours(features), scores)
    wanted = shifts.view(7, 5, 4)[torch.arange(7), labels]
    torch.testing.assert_close(ours.shifts(features, labels), wanted)


def test_features_are_pooled_where_they_lie() -> None:
    """Features that say where they are: at each level the cells' middles, to a hair."""
    levels = {}
    for number in range(4):
        stride = 4 << number
        middles = (torch.arange(512 // stride) + 0.5) * stride
        levels[str(number)] = torch.stack(torch.meshgrid(middles, middles, indexing="ij"))[None]
    boxes = torch.tensor(
        [
            [100.3, 80.1, 150.0, 160.9],
            [64, 50, 300, 310.5],
            [40, 33, 470, 480.0],
            [200, 210, 222, 230],
        ]
    )
    for side in (14, 28):
        found = pooled(levels, [boxes], side)
        steps = (torch.arange(side) + 0.5) / side
        for box, one in zip(boxes, found, strict=True):
            y, x = one
            across = box[0] + steps * (box[2] - box[0])
            down = box[1] + steps * (box[3] - box[1])
            torch.testing.assert_close(x, across.expand(side, -1), atol=2e-3, rtol=0)
            torch.testing.assert_close(y, down[:, None].expand(-1, side), atol=2e-3, rtol=0)


def test_a_head_that_has_learned_nothing_says_where_in_its_box_a_cell_is() -> None:
    network = small().eval()
    torch.nn.init.zeros_(network.matches.last.weight)
    torch.nn.init.zeros_(cast(torch.Tensor, network.matches.last.shared))
    levels = {str(n): drawn(1, 64, 64 >> n, 64 >> n) for n in range(4)}
    windows = [network.windows(torch.tensor([[10.0, 20.0, 60.0, 120.0]]))]
    assert windows[0].tolist() == [[5, 10, 65, 130]]
    cells, numbers = network.cells(levels, windows, torch.tensor([2]))
    steps = 1.2 * (torch.arange(GRID) + 0.5) / GRID - 0.1
    assert numbers is None and cells.shape == (1, 4, GRID, GRID)
    torch.testing.assert_close(cells[0, 2], steps.expand(GRID, -1))
    torch.testing.assert_close(cells[0, 3], steps[:, None].expand(-1, GRID))


def test_a_sigma_is_bounded_as_in_training() -> None:
    network = small().eval()
    levels = {str(n): drawn(1, 64, 64 >> n, 64 >> n) for n in range(4)}
    for log_sigma, wanted in ((30.0, math.exp(2)), (-30.0, math.exp(-8))):
        with torch.no_grad():
            network.matches.last.bias[:, LOG_SIGMA] = log_sigma
        one = {"boxes": torch.tensor([[10.0, 20.0, 60.0, 120.0]]), "labels": torch.tensor([2])}
        network.describe(levels, [one])
        torch.testing.assert_close(one["sigmas"], torch.full((1, GRID, GRID), wanted))


def test_homographies_are_those_that_were_seen() -> None:
    numbers = 0.15 * drawn(4, 8)
    values = homography_values(numbers)
    known = torch.rand(4, GRID, GRID, generator=torch.Generator().manual_seed(1)) < 0.3
    torch.testing.assert_close(fitted_homographies(values, known), numbers, atol=2e-3, rtol=0)
    spoilt = torch.where(known[:, None], values, torch.full_like(values, 7.0))
    torch.testing.assert_close(fitted_homographies(spoilt, known), numbers, atol=2e-3, rtol=0)
    front = homography_values(torch.zeros(1, 8))[0]
    assert abs(float(front[0, 5, 0]) - 0.5 / GRID) < 1e-6 and abs(float(front[1, 55, 3]) - 1) < 0.01
    assert torch.isfinite(fitted_homographies(values, known & False)).all()


def picture(height: int = 60, width: int = 80) -> tuple[torch.Tensor, torch.Tensor]:
    """Two objects, the second over the first; u grows by 0.02 a pixel, v by 0.03."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    numbers = torch.zeros(height, width, dtype=torch.int32)
    numbers[10:40, 20:60] = 1
    numbers[25:50, 50:70] = 2
    values = torch.stack([(x + 0.5) * 0.02, (y + 0.5) * 0.03])
    return numbers, torch.where(numbers[None] > 0, values, math.nan)


def test_targets_are_what_is_seen() -> None:
    numbers, values = picture()
    found = object_targets(numbers, values, torch.tensor([7, 3]))
    assert found["boxes"].tolist() == [[20, 10, 60, 40], [50, 25, 70, 50]]
    assert found["labels"].tolist() == [7, 3] and found["objects"].tolist() == [1, 2]
    few = object_targets(numbers, values, torch.tensor([7, 3]), least_px=501)
    assert few["labels"].tolist() == [7] and few["boxes"].shape == (1, 4)
    none = object_targets(numbers * 0, values, torch.tensor([7, 3]))
    assert none["boxes"].shape == (0, 4) and none["labels"].shape == (0,)


def test_truth_is_taken_at_the_middles_of_cells() -> None:
    numbers, values = picture()
    target = object_targets(numbers, values, torch.tensor([1, 2]))
    windows = torch.tensor([[50.0, 25.0, 70.0, 50.0], [15.3, 4.1, 63.9, 44.0]])
    inside, known, found = sampled_truth(target, windows, torch.tensor([1, 0]))
    assert inside[0].all() and known[0].float().mean() > 0.85
    steps = (torch.arange(GRID) + 0.5) / GRID
    for number, window in enumerate(windows):
        across = (window[0] + steps * (window[2] - window[0])) * 0.02
        down = (window[1] + steps * (window[3] - window[1])) * 0.03
        wanted = torch.stack([across.expand(GRID, -1), down[:, None].expand(-1, GRID)])
        off = (found[number] - wanted).abs()[:, known[number]]
        assert off.max() < 1e-5
    x = 15.3 + steps * (63.9 - 15.3)
    y = 4.1 + steps * (44.0 - 4.1)
    true = (x > 20) & (x < 60) & ((y > 10) & (y < 40))[:, None]
    hidden = (x > 50) & (y > 25)[:, None]
    assert ((inside[1] > 0) != (true & ~hidden)).float().mean() < 0.02


def test_losses_of_cells_by_hand() -> None:
    """Two boxes of constant cells; of the second no value is known."""
    cells = torch.zeros(2, 4, GRID, GRID)
    cells[:, 0] = 2.0
    cells[0, 1], cells[0, 2], cells[0, 3] = -1.0, 0.5, 0.31
    cells[1, 2:] = 9.0
    values = torch.full((2, 2, GRID, GRID), 0.3)
    inside = torch.ones(2, GRID, GRID)
    inside[1] = 0.0
    network = SimpleNamespace(cells=lambda *_: (cells, None))
    found = cell_losses(
        cast(Any, network), {}, [], torch.tensor([1, 1]), inside, inside > 0, values
    )
    # smooth L1: beyond 0.02 |e| - 0.01, below e^2 / 0.04; mean of u and v, ten times
    wanted = 10 * ((0.2 - 0.01) + 0.01**2 / 0.04) / 2
    assert float(found["values"]) == pytest.approx(wanted, rel=1e-4)
    log = math.log1p(math.exp(-2.0))
    assert float(found["mask"]) == pytest.approx((log + log + 2.0) / 2, rel=1e-4)
    squared = (0.2**2 + 0.01**2) / 2
    assert float(found["sigma"]) == pytest.approx(-1 + squared * math.exp(2) / 2, rel=1e-4)


def test_objects_are_told_apart_whatever_the_background_scores() -> None:
    scores = torch.tensor([[9.0, 1.0, 1.0, 1.0], [-9.0, 0.0, 2.0, 0.0]])
    of_each = [float(which_loss(row[None], torch.tensor([2]))) for row in scores]
    assert of_each == pytest.approx([math.log(3), math.log(1 + 2 * math.exp(-2))], rel=1e-5)
    assert float(which_loss(scores, torch.tensor([2, 2]))) == pytest.approx(sum(of_each) / 2)
    assert float(which_loss(scores[:0], torch.tensor([], dtype=torch.int64))) == 0.0


def test_sigmas_learn_what_the_errors_are_and_errors_do_not_learn_from_them() -> None:
    found = (0.3 * drawn(1, 2, 40, 40)).requires_grad_()
    known = torch.ones(1, 40, 40, dtype=torch.bool)
    true = torch.zeros_like(found)
    losses = [float(sigma_loss(found, torch.full((1, 40, 40), math.log(s)), true, known).detach())
              for s in (0.2, 0.3, 0.45)]  # fmt: skip
    assert losses[1] < min(losses[0], losses[2])
    sigmas = torch.zeros(1, 40, 40, requires_grad=True)
    sigma_loss(found, sigmas, true, known).backward()
    assert found.grad is None and sigmas.grad is not None and bool((sigmas.grad != 0).all())


@pytest.mark.parametrize("head", ["dense", "homography", "points3d"])
def test_a_step_of_training_changes_all_that_it_should(head: str) -> None:
    network = small(head=head).train()
    numbers, values = picture()
    places = torch.cat([values, values[:1]]) if head == "points3d" else values
    image = torch.rand(3, 60, 80, generator=torch.Generator().manual_seed(0))
    some = object_targets(numbers, places, torch.tensor([2, 2]))
    none = object_targets(numbers * 0, places, torch.tensor([1, 1]))
    found = cast(dict[str, torch.Tensor], network([image, image], [some, none]))
    assert set(found) == {
        "objectness", "proposals", "class", "which", "box", "mask", "values", "sigma"
    }  # fmt: skip
    sum(found.values()).backward()  # type: ignore[union-attr]
    last = network.matches.homography.last if head == "homography" else network.matches.last  # type: ignore[union-attr]
    gradient = cast(torch.Tensor, last.weight.grad)
    assert gradient[1].abs().sum() > 0 and gradient[0].abs().sum() == 0, "the second object alone"
    assert all(
        torch.isfinite(one.grad).all() for one in network.parameters() if one.grad is not None
    )
    empty = cast(dict[str, torch.Tensor], network([image], [none]))
    assert empty["values"].item() == empty["mask"].item() == 0.0
    sum(empty.values()).backward()  # type: ignore[union-attr]


def test_losses_go_in_mixed_precision() -> None:
    network = small().train()
    numbers, values = picture()
    image = torch.rand(3, 60, 80, generator=torch.Generator().manual_seed(0))
    target = object_targets(numbers, values, torch.tensor([2, 2]))
    with torch.autocast("cpu", torch.bfloat16):
        found = cast(dict[str, torch.Tensor], network([image], [target]))
    sum(found.values()).backward()  # type: ignore[union-attr]
    assert found["values"].item() > 0.0


def test_truth_is_scaled_to_what_the_network_sees() -> None:
    """Twice the pixels of the same picture: the losses stay as they were."""
    network = small().train()
    numbers, values = picture(64, 88)
    image = torch.rand(3, 64, 88, generator=torch.Generator().manual_seed(0))
    double = [
        one.repeat_interleave(2, -2).repeat_interleave(2, -1) for one in (image, numbers, values)
    ]
    found = []
    for one, number, value in ((image, numbers, values), double):
        torch.manual_seed(0)
        with torch.no_grad():
            target = object_targets(number, value, torch.tensor([1, 2]))
            found.append(cast(dict[str, torch.Tensor], network([one], [target])))
    for name in ("mask", "values"):
        assert float(found[0][name]) == pytest.approx(float(found[1][name]), rel=0.02)


def test_the_large_ones_have_torchvisions_tensors() -> None:
    with torch.device("meta"):
        theirs = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None).state_dict()
        classifier = resnext101_32x8d(weights=None).state_dict()
        ours = [
            ObjectNetwork(name, "dense", 42, 800).state_dict()
            for name in ("resnet50_fpn", "resnext101_32x8d_fpn")
        ]
    for name, one in theirs.items():
        if name.startswith(("backbone.", "rpn.", "roi_heads.box_head.")) and "num_b" not in name:
            assert ours[0][f"detector.{name}"].shape == one.shape
    for name, one in classifier.items():
        if not name.startswith("fc.") and "num_batches" not in name:
            assert ours[1][f"detector.backbone.body.{name}"].shape == one.shape
    head = MatchHead(256, 512, 42, 2, None, False)
    convolutions = [one for one in head.trunk if isinstance(one, torch.nn.Conv2d)]  # type: ignore[union-attr]
    assert len(convolutions) == 8 and head.last.weight.shape == (42, 4, 512)
    assert head(torch.zeros(0, 256, 14, 14), torch.zeros(0, dtype=torch.int64))[0].shape == (
        0, 4, GRID, GRID,
    )  # fmt: skip


def test_objects_that_two_networks_know_keep_their_weights(tmp_path: Path) -> None:
    before = small(2, seed=1)
    with torch.no_grad():
        before.matches.last.weight.copy_(drawn(2, 4, 64))
    save_model(tmp_path / "old.safetensors", before, ABOUT)
    network = small(3, seed=2)
    taken = start_objects(
        network, ("new", "b", "a"), tmp_path / "old.safetensors", torch.Generator().manual_seed(0)
    )
    assert "matches.last.weight" in taken and "detector.backbone.body.0.0.weight" in taken
    new, old = network.matches.last.weight, before.matches.last.weight
    assert torch.equal(new[1], old[1]) and torch.equal(new[2], old[0])
    torch.testing.assert_close(new[0], old.mean(0), atol=0.06, rtol=0)
    classes = "detector.roi_heads.box_predictor.cls_score.bias"
    new, old = network.state_dict()[classes], before.state_dict()[classes]
    torch.testing.assert_close(new[[0, 2, 3]], old[[0, 2, 1]])
    with pytest.raises(ModelError, match="names: expected 3, as the network has objects, got 1"):
        start_objects(network, ("b",), tmp_path / "old.safetensors", torch.Generator())


def test_the_same_number_of_other_objects_does_not_take_their_places(tmp_path: Path) -> None:
    before = small(2, seed=1)
    save_model(tmp_path / "old.safetensors", before, replace(ABOUT, names=("c", "b")))
    network = small(2, seed=2)
    start_objects(network, ("b", "x"), tmp_path / "old.safetensors", torch.Generator())
    new, old = network.matches.last.weight, before.matches.last.weight
    assert torch.equal(new[0], old[1]) and not torch.equal(new[1], old[0])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("vgg", "dense", 2, 64), "architecture: expected mobile or"),
        (("mobile", "corners", 2, 64), "head: expected dense or"),
        (("mobile", "dense", 0, 64), "objects: expected 1 or more, got 0"),
        (("mobile", "dense", 2, 20), "short_side: expected 64 or more, got 20"),
    ],
)
def test_other_networks_are_refused(given: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make_object_network(*given, True, torch.Generator())


def test_boxes_and_windows_are_in_pixels_of_the_image() -> None:
    network = small().eval()
    with torch.no_grad():
        network.detector.roi_heads.box_predictor.cls_score.bias.copy_(torch.tensor([0.0, 5.0, 4.0]))
        (found,) = network([torch.rand(3, 128, 200)])
    assert len(found["scores"]) > 0 and bool((found["scores"].diff() <= 0).all())
    assert float(found["boxes"][:, 2].max()) > 100 and float(found["boxes"][:, 2].max()) <= 200.01
    sides = found["boxes"][:, 2:] - found["boxes"][:, :2]
    torch.testing.assert_close(found["windows"][:, :2], found["boxes"][:, :2] - 0.1 * sides)
    np.testing.assert_array_equal(found["masks"].shape[1:], (GRID, GRID))
