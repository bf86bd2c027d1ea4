"""How fast worlds are made: processor time per frame on one core, by part, with all truth.

python3 benchmarks/world_frames.py [--worlds gallery street] [--frames 20] [--condition summer]
                                   [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from semloc_ros.config import GalleryConfig, StreetConfig
from semloc_ros.worlds.recording import frames
from semloc_ros.worlds.recording.gallery import GalleryWorld
from semloc_ros.worlds.recording.shots import Studio
from semloc_ros.worlds.recording.street import StreetWorld

PARTS = ("actors", "render", "camera", "truth png", "jpeg")


class Stopwatch:
    """Seconds of processor time by part."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def time(self, part: str, work: Callable[..., Any], *arguments: Any) -> Any:
        """What `work` returns; its time counts for the part."""
        start = time.process_time()
        result = work(*arguments)
        self.spent[part] = self.spent.get(part, 0.0) + time.process_time() - start
        return result


def measure(name: str, condition: str, number: int) -> dict[str, Any]:
    """Milliseconds per frame and part, seconds to build, frames per second, the slowest part."""
    watch = Stopwatch()
    studio = watch.time("build_s", make_studio, name, condition)
    last = len(studio.traversal.image_times) - 1
    shots = [(int(i), k % len(studio.cameras)) for k, i in enumerate(np.linspace(0, last, number))]
    with tempfile.TemporaryDirectory() as folder:
        one_frame(studio, shots[0], Path(folder), Stopwatch())  # compiles the kernels
        for shot in shots:
            one_frame(studio, shot, Path(folder), watch)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.*")) / number
    per_frame = {part: 1e3 * watch.spent[part] / number for part in PARTS}
    return {
        "build_s": watch.spent["build_s"],
        **per_frame,
        "frames_per_second_per_core": 1e3 / sum(per_frame.values()),
        "kilobytes_per_frame": size / 1e3,
        "limited_by": max(per_frame, key=lambda part: per_frame[part]),
    }


def make_studio(name: str, condition: str) -> Studio:
    """The query run of the gallery, or the street's run in a condition."""
    world: GalleryWorld | StreetWorld
    if name == "gallery":
        world = GalleryWorld(GalleryConfig())
    else:
        world = StreetWorld(StreetConfig(), [condition])
    traversal = world.traversals[1]
    return Studio(world.config, world.cameras, traversal, world.stage(traversal))


def one_frame(studio: Studio, shot: tuple[int, int], folder: Path, watch: Stopwatch) -> None:
    """What `Studio.take` does, part by part."""
    mounted = studio.cameras[shot[1]]
    times = studio.traversal.image_times[shot[0] : shot[0] + 1]
    parts = watch.time("actors", studio.stage.parts, float(times[0]))
    pose = studio.traversal.camera_from_map(mounted, times)[0]
    rendering = watch.time("render", studio.stage.renderers[mounted.name].render, pose, parts)
    picture = watch.time("camera", studio.develop, shot, rendering)
    watch.time("truth png", frames.write_truth, folder, mounted.name, shot[0], rendering)
    data = watch.time("jpeg", frames.encode_jpeg, picture, studio.config.sensors.jpeg_quality)
    watch.time("jpeg", frames.write_whole, folder / f"{mounted.name}{shot[0]}.jpg", data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", nargs="+", default=["gallery", "street"])
    parser.add_argument("--condition", default="summer")
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    results = {}
    for name in options.worlds:
        results[name] = measure(name, options.condition, options.frames)
        print(f"\n{name}: milliseconds per frame of 640 x 480, one core")
        for key, value in results[name].items():
            print(f"  {key:28} {value if isinstance(value, str) else format(value, '8.1f')}")
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
