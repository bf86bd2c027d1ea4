"""What networks of objects take from torchvision's weights, by the names that those have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import resnet50, resnext101_32x8d
from torchvision.models.detection import maskrcnn_resnet50_fpn

from semloc_ros.networks.object_detection import ObjectNetwork
from semloc_ros.networks.object_starting import start_objects

BODY = "detector.backbone.body."


def coco() -> nn.Module:
    return maskrcnn_resnet50_fpn(weights=None, weights_backbone=None)


@pytest.mark.filterwarnings("ignore:for .*copying from a non-meta")
@pytest.mark.parametrize(
    ("architecture", "make", "parts"),
    [
        ("resnet50_fpn", coco,
         (BODY, "detector.backbone.fpn.", "detector.rpn.", "detector.roi_heads.box_head.")),
        ("resnet50_fpn", lambda: resnet50(weights=None), (BODY,)),
        ("resnext101_32x8d_fpn", lambda: resnext101_32x8d(weights=None), (BODY,)),
    ],
)  # fmt: skip
def test_all_that_two_networks_have_in_common_arrives(
    architecture: str, make: Callable[[], nn.Module], parts: tuple[str, ...], tmp_path: Path
) -> None:
    """In whole, and nothing else: not the classes of COCO, of which there may be as many."""
    with torch.device("meta"):  # only names and sizes count
        theirs = make().state_dict()
        network = ObjectNetwork(architecture, "dense", 90, 800)
    path = tmp_path / "theirs.pth"
    torch.save({name: torch.zeros(()).expand(one.shape) for name, one in theirs.items()}, path)
    names = [str(number) for number in range(90)]
    taken = start_objects(network, names, path, torch.Generator())
    own = [name for name in network.state_dict() if "num_batches" not in name]
    assert taken == sorted(name for name in own if name.startswith(parts))
