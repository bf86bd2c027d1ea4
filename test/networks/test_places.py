"""Place networks: descriptors of length 1, pooled as the papers say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional
from torchvision.models import alexnet

from semloc_ros.errors import ConfigError, InputError
from semloc_ros.networks.places import (
    GemPooling,
    PlaceNetwork,
    VladPooling,
    make_place_network,
)
from semloc_ros.networks.starting import start_from

BOTH = pytest.mark.parametrize("architecture", ["small", "alexnet"])
POOLINGS = pytest.mark.parametrize("pooling", ["gem", "netvlad", "grid"])


def network(
    architecture: str = "small", pooling: str = "gem", planes: int = 3, seed: int = 0
) -> PlaceNetwork:
    generator = torch.Generator().manual_seed(seed)
    return make_place_network(architecture, pooling, planes, 24, generator)


def images(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@BOTH
@POOLINGS
def test_descriptors_of_any_size_have_length_1_and_differ(
    architecture: str, pooling: str
) -> None:
    describe = network(architecture, pooling, planes=5).eval()
    for size in ((64, 64), (75, 131)):
        with torch.inference_mode():
            found = describe(images(3, 5, *size))
        assert found.shape == (3, 24)
        assert torch.allclose(found.norm(dim=1), torch.ones(3), atol=1e-5)
        assert (found[0] - found[1]).norm() > 1e-3
    features = describe.features(images(1, 5, 96, 128))
    assert features.shape[:2] == (1, 256) and features.shape[2] in (5, 6)
    assert (features < 0).any()


@POOLINGS
@pytest.mark.parametrize("planes", [8, 30])
def test_the_shallow_one_begins_with_its_planes(pooling: str, planes: int) -> None:
    describe = network("shallow", pooling, planes=planes).eval()
    seen = images(2, planes, 16, 24)
    with torch.inference_mode():
        features, found = describe.features(seen), describe(seen)
    assert found.shape == (2, 24)
    assert torch.allclose(found.norm(dim=1), torch.ones(2), atol=1e-5)
    if planes == 8:
        assert torch.allclose(features, seen, atol=1e-6)
    else:  # mixtures at right angles: no length grows, and most of it is lost
        assert features.shape[1] == 16
        assert (features.norm(dim=1) <= seen.norm(dim=1) + 1e-4).all()
    (network("shallow", pooling, planes=planes)(seen) * images(2, 24, seed=3)).sum().backward()


def test_a_grid_does_not_see_what_a_row_has_in_common() -> None:
    describe = network("shallow", "grid", planes=4).eval()
    seen = images(1, 4, 16, 24)
    with torch.inference_mode():
        other = describe(seen + images(1, 4, 16, 1, seed=5))
        assert torch.allclose(describe(seen), other, atol=1e-5)
        moved = describe(torch.roll(seen, 3, 3))
    assert (moved - other).norm() > 0.3


@BOTH
@POOLINGS
def test_every_weight_learns(architecture: str, pooling: str) -> None:
    learner = network(architecture, pooling)
    (learner(images(2, 3, 64, 96)) * images(2, 24, seed=3)).sum().backward()
    for name, weight in learner.named_parameters():
        assert weight.grad is not None and weight.grad.abs().sum() > 0, name


@POOLINGS
def test_the_seed_says_which_weights(pooling: str) -> None:
    first, again, other = (network("small", pooling, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["project.weight"], other["project.weight"])
    assert all(torch.isfinite(one).all() for one in first.values())


@pytest.mark.parametrize("pooling", ["gem", "netvlad", "grid"])
def test_the_small_one_is_small(pooling: str) -> None:
    weights = make_place_network("small", pooling, 3, 256, torch.Generator()).parameters()
    assert sum(one.numel() for one in weights) < 3e6


def test_gem_goes_from_the_mean_to_the_largest() -> None:
    pool = GemPooling(256)
    features = images(2, 256, 3, 4).clamp(-1.0, 1.0)
    positive = features.clamp(min=1e-6)
    pool.power.data.fill_(1.0)
    wanted = functional.normalize(positive.mean((2, 3)), dim=1)
    assert torch.allclose(pool(features), wanted, atol=1e-6)
    pool.power.data.fill_(3.0)
    wanted = functional.normalize(positive.pow(3).mean((2, 3)).pow(1 / 3), dim=1)
    assert torch.allclose(pool(features), wanted, atol=1e-6)


def started(count: int = 4) -> tuple[VladPooling, torch.Tensor]:
    """A pooling that was started with features around `count` directions, and these."""
    directions = functional.normalize(images(count, 256, seed=7), dim=1)
    each = torch.arange(400) % count
    features = 5.0 * directions[each] + 0.05 * images(400, 256, seed=8)
    pool = VladPooling(256, count)
    pool.start(features, torch.Generator().manual_seed(0))
    return pool, features


def test_netvlad_is_the_sum_of_residuals() -> None:
    pool, _ = started()
    features = images(2, 256, 3, 5)
    with torch.inference_mode():
        found = pool(features).numpy()
    centres = pool.centres.detach().double().numpy()
    alpha = float(pool.assign.weight.detach()[0, :, 0, 0] @ pool.centres.detach()[0])
    alpha /= 2.0 * float(pool.centres.detach()[0].square().sum())
    for one, values in zip(found, features.double().numpy(), strict=True):
        local = values.reshape(256, -1).T
        local = local / np.linalg.norm(local, axis=1, keepdims=True)
        far = ((local[:, None] - centres) ** 2).sum(2)
        shares = np.exp(-alpha * (far - far.min(1, keepdims=True)))
        shares /= shares.sum(1, keepdims=True)
        sums = np.einsum("nk,nkc->kc", shares, local[:, None] - centres)
        sums /= np.linalg.norm(sums, axis=1, keepdims=True)
        assert np.allclose(one, (sums / np.linalg.norm(sums)).ravel(), atol=1e-4)


def test_centres_start_where_features_are() -> None:
    pool, features = started()
    centres = pool.centres.detach()
    given = functional.normalize(features, dim=1)
    assert torch.cdist(given, centres).min(1).values.max() < 0.3
    with torch.inference_mode():
        shares = pool.assign(given[:, :, None, None]).softmax(1)[:, :, 0, 0]
    second = shares.topk(2, 1).values
    assert 0.003 < float((second[:, 1] / second[:, 0]).median()) < 0.03
    again, _ = started()
    assert torch.equal(again.centres, pool.centres)
    with pytest.raises(InputError, match="at least 4, got 3"):
        pool.start(features[:3], torch.Generator())


def test_only_netvlad_is_started() -> None:
    gem, vlad = network("small", "gem"), network("small", "netvlad")
    before = [{name: one.clone() for name, one in two.state_dict().items()} for two in (gem, vlad)]
    for one in (gem, vlad):
        one.start_pooling(images(100, 256), torch.Generator().manual_seed(0))
    changed = [
        {name for name, one in two.state_dict().items() if not torch.equal(one, old[name])}
        for two, old in zip((gem, vlad), before, strict=True)
    ]
    assert changed == [set(), {"pool.centres", "pool.assign.weight", "pool.assign.bias"}]


def test_the_weights_of_torchvision_fit(tmp_path: Path) -> None:
    with torch.device("meta"):  # its classifier has 59 M weights, which nobody needs
        layers = alexnet().features.state_dict()
    theirs = {f"features.{name}": images(*one.shape) for name, one in layers.items()}
    theirs["classifier.6.bias"] = images(1000)
    torch.save(theirs, tmp_path / "alexnet.pth")
    ours, of_labels = network("alexnet"), network("alexnet", planes=7)
    assert len(start_from(ours, tmp_path / "alexnet.pth")) == 10
    assert torch.equal(ours.encoder[10].weight, theirs["features.10.weight"])
    taken = start_from(of_labels, tmp_path / "alexnet.pth")
    assert "encoder.0.weight" not in taken and "encoder.3.weight" in taken


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"architecture": "huge"}, "architecture: expected small or shallow or .*, got 'huge'"),
        ({"pooling": "max"}, "pooling: expected gem or netvlad or grid, got 'max'"),
        ({"planes": 0}, "planes: expected 1 or more, got 0"),
        ({"dimensions": 0}, "dimensions: expected 1 or more, got 0"),
    ],
)
def test_what_cannot_be_made_is_one_line(change: dict[str, object], words: str) -> None:
    given = {"architecture": "small", "pooling": "gem", "planes": 3, "dimensions": 8} | change
    with pytest.raises(ConfigError, match=words):
        make_place_network(**given, generator=torch.Generator())
