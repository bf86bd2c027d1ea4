"""Mask R-CNN as it is built here: torchvision's tensor by tensor, and a small one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchvision.models.detection import maskrcnn_resnet50_fpn

from semloc_ros.errors import ConfigError, ModelError
from semloc_ros.networks.detection import InstanceNetwork, make_instance_network
from semloc_ros.networks.model_files import (
    InstanceAbout,
    load_instance_network,
    load_label_network,
    save_model,
    start_from,
)

SIZE = (96, 128)


def small(seed: int = 0, num_classes: int = 2) -> InstanceNetwork:
    return make_instance_network("mobile", num_classes, 96, torch.Generator().manual_seed(seed))


def picture() -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """A bright box on noise, and what it is."""
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(3, *SIZE, generator=generator) * 0.3
    mask = torch.zeros(1, *SIZE, dtype=torch.uint8)
    mask[:, 20:70, 30:60] = 1
    image[:, mask[0].bool()] += 0.6
    boxes = torch.tensor([[30.0, 20.0, 60.0, 70.0]])
    return image, {"boxes": boxes, "labels": torch.ones(1, dtype=torch.int64), "masks": mask}


def test_the_large_one_is_torchvisions_tensor_by_tensor():
    theirs = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=91)
    ours = make_instance_network("resnet50_fpn", 91, 800, torch.Generator())
    wanted = {name: value.shape for name, value in theirs.state_dict().items()}
    found = {name: value.shape for name, value in ours.detector.state_dict().items()}
    assert found == {
        name: shape for name, shape in wanted.items() if "num_batches_tracked" not in name
    }


def test_the_large_one_gives_what_torchvisions_gives():
    torch.manual_seed(0)
    theirs = maskrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=3, min_size=96, max_size=211,
    ).eval()  # fmt: skip
    ours = make_instance_network("resnet50_fpn", 3, 96, torch.Generator()).eval()
    for module in theirs.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 0.0  # as torchvision does for its weights of COCO
    weights = theirs.state_dict()
    missing = ours.detector.load_state_dict(weights, strict=False).missing_keys
    assert not missing
    with torch.inference_mode():
        wanted, found = (one([picture()[0]])[0] for one in (theirs, ours))
    assert len(found["boxes"]) == len(wanted["boxes"]) > 0
    torch.testing.assert_close(found["boxes"], wanted["boxes"], atol=1e-2, rtol=1e-4)


def test_the_small_one_learns_a_picture():
    network, (image, target) = small(), picture()
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3)
    torch.manual_seed(0)
    network.train()
    losses = []
    for _ in range(25):
        found = network([image, image], [target, target])
        assert isinstance(found, dict)
        loss = torch.stack(list(found.values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_the_small_one_is_small_and_finds_boxes_with_masks():
    network = small().eval()
    assert sum(one.numel() for one in network.parameters()) < 2.5e6
    with torch.inference_mode():
        found = network([picture()[0]])
    assert isinstance(found, list)
    assert found[0]["masks"].shape[1:] == (1, *SIZE)
    assert len(found[0]["masks"]) == len(found[0]["scores"]) == len(found[0]["boxes"])
    assert found[0]["pixels"].shape == SIZE
    assert 0.0 <= float(found[0]["pixels"].min()) <= float(found[0]["pixels"].max()) <= 1.0


def test_images_of_other_sizes_get_pixels_of_theirs():
    network = small().eval()
    sizes = [(70, 150), (200, 210)]
    with torch.inference_mode():
        found = network([torch.rand(3, *size) for size in sizes])
    assert isinstance(found, list)
    assert [tuple(one["pixels"].shape) for one in found] == sizes


def test_the_same_generator_gives_the_same_weights_and_leaves_the_global_one():
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    one, other = (small(3).state_dict() for _ in range(2))
    assert torch.equal(torch.rand(3), wanted)
    assert all(torch.equal(one[name], other[name]) for name in one)
    name = "detector.rpn.head.cls_logits.weight"
    assert not torch.equal(one[name], small(4).state_dict()[name])


def test_a_frozen_backbone_gets_no_gradients_and_the_heads_do():
    network, (image, target) = small(), picture()
    network.set_backbone_frozen(True)
    network.train()
    found = network([image], [target])
    assert isinstance(found, dict)
    torch.stack(list(found.values())).sum().backward()
    body = network.detector.backbone.body
    assert all(one.grad is None for one in body.parameters())
    assert network.detector.rpn.head.cls_logits.weight.grad is not None
    network.set_backbone_frozen(False)
    assert all(one.requires_grad for one in body.parameters())


def test_files_keep_the_network_and_tell_what_it_is(tmp_path: Path):
    network = small()
    about = InstanceAbout("mine", "mobile", 96)
    save_model(tmp_path / "mine.safetensors", network, about)
    found, said = load_instance_network(tmp_path / "mine.safetensors")
    assert said == about
    for name, value in network.state_dict().items():
        assert torch.equal(found.state_dict()[name], value)
    with pytest.raises(ModelError, match="expected a model of labels, got one of dynamic objects"):
        load_label_network(tmp_path / "mine.safetensors")


def test_it_starts_from_a_detector_of_other_classes(tmp_path: Path):
    theirs = small(9, num_classes=5)
    save_model(
        tmp_path / "five.safetensors", theirs,
        InstanceAbout("five", "mobile", 96, tuple("sabcd"), (False, True, False, False, True)),
    )  # fmt: skip
    network = small()
    taken = start_from(network, tmp_path / "five.safetensors")
    assert "detector.rpn.head.cls_logits.weight" in taken
    assert "detector.roi_heads.box_predictor.cls_score.weight" not in taken
    name = "detector.backbone.body.0.0.weight"
    assert torch.equal(network.state_dict()[name], theirs.state_dict()[name])


def test_it_starts_from_torchvisions_detector_and_from_a_segmentation_network(tmp_path: Path):
    network = small()
    weights = {
        name.removeprefix("detector."): value for name, value in small(9).state_dict().items()
    }
    torch.save(weights, tmp_path / "theirs.pth")
    assert len(start_from(network, tmp_path / "theirs.pth")) == len(network.state_dict())
    street = Path(__file__).parents[2] / "models" / "classes_street.safetensors"
    taken = start_from(network, street)
    assert len(taken) == len(network.detector.backbone.body.state_dict())


@pytest.mark.parametrize(
    ("about", "wrong"),
    [
        (InstanceAbout("x", "mobile", 32), "short_side: expected 64 or more, got 32"),
        (InstanceAbout("x", "mobile", 96, ("static",), (False,)), "names: expected 2 or more"),
        (InstanceAbout("x", "mobile", 96, dynamic=(False,)), "dynamic: expected one for each of 2"),
        (InstanceAbout("x", "mobile", 96, dynamic=(True, True)), "no for the background"),
        (InstanceAbout("x", "mobile", 96, dynamic=(False, False)), "yes for another class"),
        (InstanceAbout("x", "mobile", 96, kind="other"), "kind: expected instances"),
    ],
)
def test_wrong_words_are_refused(about: InstanceAbout, wrong: str):
    with pytest.raises(ModelError, match=wrong):
        about.check()


@pytest.mark.parametrize("wrong", [("yolo", 2, 96), ("mobile", 1, 96), ("mobile", 2, 8)])
def test_networks_that_there_are_not(wrong: tuple[str, int, int]):
    with pytest.raises(ConfigError, match="expected"):
        make_instance_network(*wrong, torch.Generator())
