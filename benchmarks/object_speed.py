"""What a frame costs a network of objects of interest, by stage, and by how many it knows.

    python benchmarks/object_speed.py

The weights are drawn by chance: numbers of multiplications do not depend on them. Each image has
the same number of finds. All sizes are measured in turns, on one core, as processor time.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from reporting import arguments, report
from torchvision.models.detection.image_list import ImageList

from semloc_ros.networks import object_detection
from semloc_ros.networks.export import export_onnx
from semloc_ros.networks.images import IMAGENET
from semloc_ros.networks.instance_inputs import network_size, resized_planes
from semloc_ros.networks.model_files import ObjectAbout, save_model
from semloc_ros.networks.object_backends import open_object_backend
from semloc_ros.networks.object_detection import ObjectNetwork, make_object_network
from semloc_ros.networks.object_inputs import pixel_matches

SIZE = (480, 640)
MOST_MATCHES = 1000  # of a find
Call = Callable[[], object]


def main() -> None:
    """A row for each stage, a column for each number of objects, and the ratios to the first."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--objects", type=int, nargs="+", default=(42, 220, 1000))
    parser.add_argument("--short-side", type=int, default=240)
    parser.add_argument("--finds", type=int, default=6, help="in each image")
    parser.add_argument("--repeat", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    # untrained scores say nothing: the best so many are kept, whatever they are
    object_detection.LEAST_SCORE, object_detection.MOST = 0.0, options.finds
    with tempfile.TemporaryDirectory() as scratch:
        calls = {
            count: stages(count, options.short_side, Path(scratch)) for count in options.objects
        }
        spent = measured(calls, options.repeat)
    columns = ("ms", *(f"{count} objects" for count in options.objects), "last / first")
    rows = [
        (name, *times, times[-1] / times[0])
        for name in next(iter(calls.values()))
        for times in [[spent[count, name] for count in options.objects]]
    ]
    title = f"{SIZE[1]}x{SIZE[0]} at {options.short_side}, {options.finds} finds, one core"
    report(title, columns, rows, options.json)


def stages(count: int, short_side: int, scratch: Path) -> dict[str, Call]:
    """What is timed, by name, of a network of so many objects."""
    generator = torch.Generator().manual_seed(count)
    network = make_object_network("mobile", "dense", count, short_side, True, generator).eval()
    with torch.no_grad():  # otherwise all proposals show the same object, and are one
        weight = network.detector.roi_heads.box_predictor.cls_score.weight
        weight.copy_(torch.randn(weight.shape, generator=generator))
    names = tuple(f"object {number}" for number in range(count))
    about = ObjectAbout("speed", "mobile", head="dense", short_side=short_side, names=names)
    path = scratch / f"{count}.safetensors"
    save_model(path, network, about)
    export_onnx(network, about, path.with_suffix(".onnx"))
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    size = network_size(SIZE, short_side)
    planes = resized_planes(image, size, IMAGENET)
    ours, theirs = (
        open_object_backend(one, device="cpu", threads=1)
        for one in (path, path.with_suffix(".onnx"))
    )
    finds = ours.find(planes).scaled(size, SIZE)
    finds.masks[:] = 1.0
    return {
        "resize": lambda: resized_planes(image, size, IMAGENET),
        **inside(network, torch.from_numpy(planes)),
        "network, torch": lambda: ours.find(planes),
        "network, onnxruntime": lambda: theirs.find(planes),
        "matches at pixels": lambda: [
            pixel_matches(finds, number, SIZE, MOST_MATCHES) for number in range(len(finds))
        ],
    }


@torch.inference_mode()
def inside(network: ObjectNetwork, planes: torch.Tensor) -> dict[str, Call]:
    """Stages of the network itself, under torch."""
    planes = planes.contiguous(memory_format=torch.channels_last)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    batch = ImageList(planes, [(int(planes.shape[-2]), int(planes.shape[-1]))])
    levels = network.detector.backbone(planes)
    proposals, _ = network.proposed(batch, levels)
    found = network.judged(batch, levels, proposals)
    windows = [network.windows(one["boxes"]) for one in found]
    labels = torch.cat([one["labels"] for one in found])
    calls: dict[str, Call] = {
        "- encoder and pyramid": lambda: network.detector.backbone(planes),
        "- proposals": lambda: network.proposed(batch, levels),
        "- objects and boxes": lambda: network.judged(batch, levels, proposals),
        "- masks and matches": lambda: network.cells(levels, windows, labels),
    }
    return {name: torch.inference_mode()(call) for name, call in calls.items()}


def measured(calls: dict[int, dict[str, Call]], repeat: int) -> dict[tuple[int, str], float]:
    """Medians (ms) of the processor's time, in turns; the first two rounds do not count."""
    spent: dict[tuple[int, str], list[float]] = {}
    for number in range(repeat + 2):
        for count, each in calls.items():
            for name, call in each.items():
                began = time.process_time()
                call()
                if number >= 2:
                    spent.setdefault((count, name), []).append(1e3 * (time.process_time() - began))
    return {key: float(np.median(times)) for key, times in spent.items()}


if __name__ == "__main__":
    main()
