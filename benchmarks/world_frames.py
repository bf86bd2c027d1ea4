"""How fast the gallery is rendered: processor time per frame on one core, by part.

python3 benchmarks/world_frames.py [--frames 40] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from semloc_ros.config import GalleryConfig
from semloc_ros.geometry import se3
from semloc_ros.worlds.gallery.layout import build_gallery
from semloc_ros.worlds.recording import sensors
from semloc_ros.worlds.recording.bag_writer import encode_jpeg
from semloc_ros.worlds.recording.recording import gallery_renderer, plan_runs


def measure(frames: int) -> dict[str, float]:
    """Milliseconds of processor time per frame and part, seconds to build, frames per second."""
    config, spent = GalleryConfig(), dict.fromkeys(("render", "expose", "jpeg"), 0.0)

    def timed(part: str, work: Callable[..., Any], *arguments: Any) -> Any:
        start = time.process_time()
        result = work(*arguments)
        spent[part] = spent.get(part, 0.0) + time.process_time() - start
        return result

    gallery = timed("build_s", build_gallery, config)
    renderer = timed("light_s", gallery_renderer, gallery, sensors.camera_of(config))
    run = plan_runs(config, gallery)[1]
    times = np.linspace(0, run.trajectory.duration, frames)
    mount = sensors.base_from_camera(config)
    poses = se3.inverse(run.trajectory.map_from_base(times) @ mount)
    renderer.render(poses[0])  # compiles the kernel
    for index, pose in enumerate(poses):
        color = timed("render", renderer.render, pose).color
        image = timed("expose", sensors.expose, color, config, np.random.default_rng(index))
        timed("jpeg", encode_jpeg, image, config.jpeg_quality)
    per_frame = {f"{part}_ms": 1e3 * spent[part] / frames for part in ("render", "expose", "jpeg")}
    rate = 1e3 / sum(per_frame.values())
    seconds = {part: spent[part] for part in ("build_s", "light_s")}
    return {**seconds, **per_frame, "frames_per_second_per_core": rate}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    result = measure(options.frames)
    for name, value in result.items():
        print(f"{name:28} {value:8.1f}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(result, file, indent=2)


if __name__ == "__main__":
    main()
