"""How fast images are labelled, by torch and by onnxruntime, and how far that is from the floor.

    python benchmarks/fgsn_speed.py fgsn_street_100 classes_street

The floor is the network's multiplications and additions at the rate at which this machine
multiplies matrices (1024 x 1024, float32), measured in the same run with as many threads.
Memory is what the process holds after the first images more than before the model was read.
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
from torch.utils.flop_counter import FlopCounterMode

from semloc_ros.config import LabellerConfig
from semloc_ros.networks.export import export_onnx
from semloc_ros.networks.manifest import find_model
from semloc_ros.networks.model_files import load_model
from semloc_ros.perception.label_model import load_labeller

COLUMNS = ("model", "backend", "threads", "ms", "of that network", "GFLOP", "floor ms",
           "share of floor", "MB")  # fmt: skip
SIDE = 1024


def main() -> None:
    """One row for each model and backend."""
    parser = arguments(__doc__ or "")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("W", "H"))
    parser.add_argument("--repeat", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    image = np.random.default_rng(0).integers(0, 256, (*options.size[::-1], 3), np.uint8)
    rate = matrix_rate(options.repeat)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for model in options.models:
            source = find_model(model)
            network, about = load_model(source)
            flops = count(network, options.size)
            exported = Path(scratch) / f"{source.stem}.onnx"
            export_onnx(network, about, exported)
            planes = torch.zeros(1, 3, options.size[1], options.size[0])
            alone = timed(lambda n=network, p=planes: forward(n, p), options.repeat)  # type: ignore[misc]
            for path, backend in ((source, "torch"), (exported, "onnxruntime")):
                before = memory()
                config = LabellerConfig(backend=backend, threads=options.threads)
                labeller = load_labeller(path, config)
                ms = timed(lambda one=labeller: one.label(image), options.repeat)  # type: ignore[misc]
                floor = 1e3 * flops / rate
                rows.append((
                    about.name, backend, options.threads, ms, alone if backend == "torch" else "",
                    flops / 1e9, floor, f"{100 * floor / ms:.0f} %", memory() - before,
                ))  # fmt: skip
    facts = {"matrix products": f"{rate / 1e9:.0f} GFLOP/s"}
    title = f"Label maps of {options.size[0]}x{options.size[1]}"
    report(title, COLUMNS, rows, options.json, **facts)


def forward(network: nn.Module, planes: torch.Tensor) -> None:
    """The network alone, without what is made of its scores."""
    with torch.inference_mode():
        network(planes)


def timed(work: Callable[[], object], repeat: int) -> float:
    """The median time (ms), after two that do not count."""
    spent = []
    for number in range(repeat + 2):
        began = time.perf_counter()
        work()
        if number >= 2:
            spent.append(1e3 * (time.perf_counter() - began))
    return float(np.median(spent))


def matrix_rate(repeat: int) -> float:
    """Floating-point operations per second of a product of matrices."""
    matrix = torch.rand(SIDE, SIDE)
    return 2.0 * SIDE**3 / (1e-3 * timed(lambda: matrix @ matrix, repeat))


def count(network: nn.Module, size: tuple[int, int]) -> float:
    """Floating-point operations of one image; a multiplication and an addition are two."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, size[1], size[0]))
    return float(counter.get_total_flops())


def memory() -> float:
    """The most that this process has held so far (MB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
