"""What a frame costs from the image to the pose by objects, by stage.

    python3 benchmarks/object_path.py --model FILE --true-objects WORLD/frames/mapping
        --test WORLD/frames/views [--most 10] [--threads 1,2] [--score 0.5]

Processor time, which other programs do not lengthen much, of all threads together; with several
threads the time that a frame takes on a machine of one's own is less. Means over all images, after
one that does not count. Finds are those of torch and onnxruntime alike; `matching` is that of
features, `refinement` that by pixels of either matcher's matches.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from object_methods import TestImage, test_images
from reporting import arguments, progress, report

from semloc_ros.config import LocalizerConfig, ObjectMatcherConfig
from semloc_ros.datasets.world_objects import world_map_objects
from semloc_ros.localization.object_localizer import ObjectLocalizer
from semloc_ros.localization.objects import lift
from semloc_ros.maps.objects import MapObjects
from semloc_ros.networks.export import export_onnx
from semloc_ros.networks.manifest import find_model
from semloc_ros.networks.model_files import load_object_network
from semloc_ros.perception import objects as perception
from semloc_ros.perception.objects import ObjectMatcher, load_object_matcher
from semloc_ros.types import Frame

KINDS = (
    ("torch", "regression", "none"), ("torch", "regression", "photometric"),
    ("torch", "features", "photometric"), ("onnxruntime", "regression", "photometric"),
)  # fmt: skip
COLUMNS = ("backend", "matcher", "refine", "threads", "finds", "network", "matching", "refinement",
           "lift and pose", "all")  # fmt: skip


def main() -> None:
    """A row for each kind of match and number of threads."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--model", type=Path, required=True, help="a file of safetensors")
    parser.add_argument("--true-objects", type=Path, required=True, metavar="WORLD/frames/RUN")
    parser.add_argument("--test", type=Path, required=True, help="a kapture folder")
    parser.add_argument("--most", type=int, default=10, help="images")
    parser.add_argument("--threads", default="1", help="of the network, by commas")
    parser.add_argument("--score", type=float, default=0.5)
    options = parser.parse_args()
    # the matcher times its stages by the clock on the wall, which tells how busy a machine is
    perception.time = SimpleNamespace(perf_counter=time.process_time)  # type: ignore[assignment]
    run = options.true_objects.resolve()
    objects = world_map_objects(run.parents[1], run.name)
    images = [read() for read in test_images([options.test], 1, options.most + 1)]
    rows = []
    with tempfile.TemporaryDirectory() as scratch, progress() as bar:
        files = exported(options.model, Path(scratch))
        cases = [(*kind, int(count)) for count in options.threads.split(",") for kind in KINDS]
        for backend, matcher, refine, threads in bar.track(cases):
            torch.set_num_threads(threads)
            config = ObjectMatcherConfig(
                backend=backend, device="cpu", threads=threads, matcher=matcher, refine=refine,
                score=options.score,
            )  # fmt: skip
            ready = load_object_matcher(files[backend], objects, config)
            spent = measured(ready, objects, images)
            rows.append([backend, matcher, refine, threads, *spent, float(sum(spent[1:]))])
    busy = " ".join(f"{one:.1f}" for one in os.getloadavg())
    report("ms of a frame", COLUMNS, rows, options.json, processes_at_work=busy)


def exported(model: Path, scratch: Path) -> dict[str, Path]:
    """The file that each backend reads."""
    path = find_model(model)
    network, about = load_object_network(path)
    export_onnx(network, about, scratch / "model.onnx")
    return {"torch": path, "onnxruntime": scratch / "model.onnx"}


def measured(
    ready: ObjectMatcher, objects: MapObjects, images: Sequence[TestImage]
) -> list[float]:
    """Finds of an image, and ms of its stages."""
    localizer, rows = ObjectLocalizer(LocalizerConfig()), []
    for image in images:
        posed = image.posed
        found = ready.find(posed.read(), camera=posed.camera)
        began = time.process_time()
        matches = lift(found, objects, posed.stamp_ns)
        localizer.localize(Frame(posed.stamp_ns, posed.read(), posed.camera, objects=matches))
        posing = 1e3 * (time.process_time() - began)
        rows.append([len(found), *ready.stage_ms.values(), posing])
    return [float(one) for one in np.mean(rows[1:], axis=0)]


if __name__ == "__main__":
    main()
