"""Both architectures: shapes at any size, features, last layers, seeds, and a step of training."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from semloc_ros.errors import ConfigError
from semloc_ros.networks.segmentation import ARCHITECTURES, SegmentationNetwork, make_network


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def network(request: pytest.FixtureRequest) -> SegmentationNetwork:
    return make_network(request.param, 5, seeded(0))


def images(height: int, width: int, batch: int = 1) -> torch.Tensor:
    return torch.randn(batch, 3, height, width, generator=seeded(3))


@pytest.mark.parametrize("size", [(64, 64), (49, 71)])
def test_maps_cover_images_of_any_size(network: SegmentationNetwork, size: tuple[int, int]) -> None:
    wanted = tuple(-(-length // network.stride) for length in size)
    network.eval()
    with torch.inference_mode():
        scores = network(images(*size))
        assert network.features(images(*size)).shape == (1, network.feature_channels, *wanted)
    assert scores.logits.shape == (1, 5, *wanted) and scores.auxiliary is None
    network.train()
    scores = network(images(*size))
    assert scores.logits.shape == scores.auxiliary.shape == (1, 5, *wanted)


def test_the_classifier_reads_the_features(network: SegmentationNetwork) -> None:
    network.eval()
    with torch.inference_mode():
        features = network.features(images(48, 64))
        logits = network(images(48, 64)).logits
        weights = network.classifier.weight.flatten(1)
        wanted = torch.einsum("cf,bfhw->bchw", weights, features)
    assert torch.allclose(logits, wanted, atol=1e-4 * float(wanted.abs().max()))
    assert features.std() > 0.1  # the signal arrives through all layers


def test_every_parameter_is_trained_by_a_batch_of_one(network: SegmentationNetwork) -> None:
    network.train()
    network.zero_grad()
    scores = network(images(64, 64))
    target = torch.randint(5, scores.logits.shape[2:], generator=seeded(1))[None]
    loss = functional.cross_entropy(scores.logits, target)
    (loss + functional.cross_entropy(scores.auxiliary, target)).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        # a squeeze may be closed by its ReLU; whole convolutions of the path never are
        assert parameter.grad.any() or ".block." in name or "reductions" in name, name


def test_a_restart_replaces_the_last_layers_alone() -> None:
    network = make_network("mobile", 5, seeded(0))
    before = {name: one.clone() for name, one in network.state_dict().items()}
    network.restart_classifier(300, seeded(4))
    assert network.num_labels == 300
    for layer in (network.classifier, network.auxiliary_classifier):
        assert layer.weight.shape[0] == 300 and not layer.bias.any()
        assert layer.weight.std().item() == pytest.approx(0.01, rel=0.05)
        assert abs(layer.weight.mean()) < 1e-3
    for name, one in network.state_dict().items():
        assert "classifier" in name or torch.equal(one, before[name])
    again = make_network("mobile", 5, seeded(0))
    again.restart_classifier(300, seeded(4))
    assert torch.equal(again.classifier.weight, network.classifier.weight)


def test_the_seed_makes_the_weights_and_nothing_else_is_drawn() -> None:
    torch.manual_seed(11)
    wanted = torch.rand(3)
    torch.manual_seed(11)
    first = make_network("mobile", 5, seeded(7)).state_dict()
    assert torch.equal(torch.rand(3), wanted)
    again, other = (make_network("mobile", 5, seeded(seed)).state_dict() for seed in (7, 8))
    assert all(torch.equal(one, again[name]) for name, one in first.items())
    drawn = [name for name, one in first.items() if not torch.equal(one, other[name])]
    assert "trunk.encoder.0.0.weight" in drawn and "classifier.weight" in drawn


def test_variance_is_kept_from_layer_to_layer() -> None:
    network = make_network("mobile", 5, seeded(0))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert not module.running_mean.any() and (module.running_var == 1).all()
        elif isinstance(module, nn.Conv2d) and module.out_channels != 5 and module.bias is None:
            inputs = module.weight[0].numel()
            assert module.weight.std().item() == pytest.approx((2 / inputs) ** 0.5, rel=0.25)


def test_the_small_one_is_small() -> None:
    network = make_network("mobile", 100, seeded(0))
    assert sum(parameter.numel() for parameter in network.parameters()) < 1.5e6


@pytest.mark.parametrize(("name", "labels"), [("huge", 5), ("mobile", 0)])
def test_wrong_choices_are_one_line(name: str, labels: int) -> None:
    with pytest.raises(ConfigError, match="expected") as error:
        make_network(name, labels, seeded(0))
    assert "\n" not in str(error.value)
