"""The paper's networks of objects: which tensors of torchvision's weights they start from, and what
a look at an image and a step of training cost.

    python3 benchmarks/object_large.py [--architecture resnet50_fpn] [--short-side 128]

The weights have torchvision's names and shapes, but are drawn by chance: those of COCO
(`maskrcnn_resnet50_fpn`) or of ImageNet (`resnet50`, `resnext101_32x8d`), saved as their
`state_dict()` is. Costs are processor time of one core, and the most memory of the program so far.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from reporting import arguments, report
from torch import nn
from torchvision.models import resnet50, resnext101_32x8d
from torchvision.models.detection import maskrcnn_resnet50_fpn

from semloc_ros.config.object_learning import OBJECT_PRESETS, ObjectTrainingConfig
from semloc_ros.networks.object_detection import ObjectNetwork, make_object_network
from semloc_ros.networks.object_losses import object_targets
from semloc_ros.networks.object_starting import start_objects
from semloc_ros.options import from_mapping

OBJECTS = 42
WEIGHTS: dict[str, dict[str, Callable[[], nn.Module]]] = {
    "resnet50_fpn": {
        "COCO": lambda: maskrcnn_resnet50_fpn(weights=None, weights_backbone=None),
        "ImageNet": lambda: resnet50(weights=None),
    },
    "resnext101_32x8d_fpn": {"ImageNet": lambda: resnext101_32x8d(weights=None)},
}
PARTS = {
    "encoder": "detector.backbone.body.", "pyramid": "detector.backbone.fpn.",
    "proposals": "detector.rpn.", "boxes": "detector.roi_heads.box_head.",
    "classes": "detector.roi_heads.box_predictor.", "matches": "matches.",
}  # fmt: skip


def main() -> None:
    """A row for each network and start."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--architecture", action="append", choices=tuple(WEIGHTS))
    parser.add_argument("--short-side", type=int, default=128)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for name in options.architecture or WEIGHTS:
        for index, (start, make) in enumerate(WEIGHTS[name].items()):
            torch.manual_seed(0)
            network = make_object_network(
                name, "dense", OBJECTS, options.short_side, False, torch.Generator().manual_seed(0)
            )
            taken = started(network, make())
            spent = costs(network, options.short_side) if index == 0 else ["", "", "", ""]
            rows.append([name, start, *shares(network, taken), *spent])
    columns = ("network", "start", *PARTS, "M weights", "look s", "step s", "MB")
    title = f"{OBJECTS} objects, one image of {options.short_side * 4 // 3}x{options.short_side}"
    report(title, columns, rows, options.json, 150)


def started(network: ObjectNetwork, theirs: nn.Module) -> list[str]:
    """Names of what arrives from a file of torchvision's tensors, which are then the same."""
    names = [f"object {number}" for number in range(network.num_objects)]
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "theirs.pth"
        torch.save(theirs.state_dict(), path)
        taken = start_objects(network, names, path, torch.Generator().manual_seed(0))
    own, given = network.state_dict(), theirs.state_dict()
    for name in taken:
        inner = name.removeprefix("detector.")
        source = inner if inner in given else inner.removeprefix("backbone.body.")
        assert torch.equal(own[name], given[source]), name
    return taken


def shares(network: ObjectNetwork, taken: list[str]) -> list[str]:
    """Of the tensors of each part those that were taken."""
    names = [name for name in network.state_dict() if "num_batches" not in name]
    return [
        f"{sum(one in set(taken) for one in part)} of {len(part)}"
        for prefix in PARTS.values()
        for part in [[name for name in names if name.startswith(prefix)]]
    ]


def costs(network: ObjectNetwork, short_side: int) -> list[object]:
    """Millions of weights, seconds of a look and of a step as `paper` makes it, and megabytes."""
    image, target = picture(short_side)
    config = from_mapping(ObjectTrainingConfig, OBJECT_PRESETS["paper"]).training
    optimizer = torch.optim.SGD(
        network.parameters(), config.learning_rate, config.momentum,
        weight_decay=config.weight_decay,
    )  # fmt: skip
    network.eval()
    began = time.process_time()
    with torch.inference_mode():
        network([image])
    looked = time.process_time() - began
    network.train()
    before = {name: one.detach().clone() for name, one in network.named_parameters()}
    began = time.process_time()
    losses = network([image], [target])
    assert isinstance(losses, dict)
    total = torch.stack(list(losses.values())).sum()
    total.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    stepped = time.process_time() - began
    assert bool(torch.isfinite(total)), losses
    still = [name for name, one in network.named_parameters() if torch.equal(one, before[name])]
    print("not changed by the step:", still or "none")
    weights = sum(one.numel() for one in network.parameters()) / 1e6
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [round(weights, 1), round(looked, 1), round(stepped, 1), round(most)]


def picture(short_side: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """An image with two objects, and its truth."""
    height, width = short_side, short_side * 4 // 3
    image = torch.rand(3, height, width, generator=torch.Generator().manual_seed(0))
    numbers, uv = np.zeros((height, width), np.int32), np.zeros((2, height, width), np.float32)
    for number, left in ((1, width // 10), (2, width // 2)):
        rows, columns = np.mgrid[height // 5 : height * 4 // 5, left : left + width // 3]
        numbers[rows, columns] = number
        uv[0, rows, columns] = (columns - left + 0.5) / (width // 3)
        uv[1, rows, columns] = (rows - height // 5 + 0.5) / len(rows)
    labels = torch.tensor([3, OBJECTS])
    return image, object_targets(torch.from_numpy(numbers), torch.from_numpy(uv), labels)


if __name__ == "__main__":
    main()
