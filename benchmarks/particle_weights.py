"""Weights of particles by labels: the compiled kernel beside numpy and the machine's limits; the
time of a filter step; its cost against particles, points and the size of the map.

One evaluation is one point projected from one particle, tested and looked up. The kernel works in
two sweeps (see `label_kernels`): the first is bound by arithmetic, the second by loads. Each is
measured alone, and beside it what the machine does at best: multiply-adds on data in the first
cache, and one look-up per point in a table of the label map's size (the kernel does a second one,
in a table that fits the first cache).
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from label_street import BASE_FROM_CAMERA, CAMERA, LABELS, label_map, street
from numpy.typing import NDArray
from reporting import arguments, report

from semloc_ros.config import FilterConfig, ParticlesConfig
from semloc_ros.geometry import se3
from semloc_ros.localization import label_statistics
from semloc_ros.localization.fix_update import Fix
from semloc_ros.localization.label_images import LabelImage, kernel_poses, label_image
from semloc_ros.localization.label_kernels import (
    BLOCK,
    find_pixels,
    pack_table,
    sum_log_ratios,
    sum_table,
)
from semloc_ros.localization.label_points import LabelPoints
from semloc_ros.localization.label_update import LabelView
from semloc_ros.localization.particle_filter import Labels, ParticleFilter, Step
from semloc_ros.types import FloatArray, Odometry

PARTICLES, POINTS = 1000, 2048
COLUMNS = ("what", "ms", "CPU ms", "million/s")
FLOPS = 41  # additions, multiplications, divisions, comparisons of one point in `find_pixels`
LEAST_COSINE2 = np.float32(0.0)
POLYNOMIAL = 64  # multiply-adds per element of the arithmetic limit


def main() -> None:
    """All parts, one table."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--repeat", type=int, default=25)
    parser.add_argument("--plot", type=Path, help="also draw the cost of a step to this file")
    parser.add_argument("--largest-map", type=int, default=10_000_000)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    rows, facts = weights(rng, options.repeat)
    cost = costs(rng, options.repeat, options.largest_map)
    rows += [(name, *both, float("nan")) for name, both in cost.items()]
    if options.plot:
        draw(cost, options.plot)
    report("Particle weights and filter steps", COLUMNS, rows, options.json, **facts)


def weights(rng: np.random.Generator, repeat: int) -> tuple[list[Any], dict[str, Any]]:
    """Rows of the table for the kernel, and what they say together."""
    arrays, image, poses = scene(rng)
    blocks, own, table = arrays
    rows = own * np.int32(LABELS + 1)
    size = image.width, image.height
    arguments_ = (poses, blocks, rows, image.labels, table, LEAST_COSINE2, *size)
    reference = in_numpy(*arguments_)
    found = sum_log_ratios(*arguments_)
    agreement = float((np.abs(found[0] - reference[0]) < 0.05).mean())
    pixels = np.empty((len(blocks), BLOCK), np.int32)
    for block, out in zip(blocks, pixels, strict=True):
        find_pixels(poses[0], block, LEAST_COSINE2, image.width, image.height, out)
    calls: dict[str, Callable[[], object]] = {
        "kernel, both sweeps": lambda: sum_log_ratios(*arguments_),
        "first sweep alone": lambda: first_sweep(
            poses, blocks, LEAST_COSINE2, image.width, image.height
        ),
        "second sweep alone": lambda: second_sweep(len(poses), pixels, rows, image.labels, table),
        "numpy": lambda: in_numpy(*arguments_),
    }
    spent = {
        name: fastest(call, repeat if name != "numpy" else repeat // 5 + 1)
        for name, call in calls.items()
    }
    evaluations = len(poses) * blocks.shape[0] * BLOCK
    result = [
        (name, 1e3 * wall, 1e3 * cpu, evaluations / wall / 1e6)
        for name, (wall, cpu) in spent.items()
    ]
    limits = machine_limits(len(image.labels), repeat)
    arithmetic, loads = limits["multiply-adds"] * 2 / FLOPS, limits["look-ups"]
    together = 1.0 / (1.0 / arithmetic + 1.0 / loads)
    nothing = float("nan")
    result += [("limit by arithmetic", nothing, nothing, arithmetic / 1e6),
               ("limit by look-ups", nothing, nothing, loads / 1e6)]
    fast, slow = spent["kernel, both sweeps"][0], spent["numpy"][0]
    return result, {
        "threads": numba.get_num_threads(),
        "points seen": f"{found[1].mean() / (blocks.shape[0] * BLOCK):.2f}",
        "same sums as numpy": f"{agreement:.3f} of the particles",
        "times as fast as numpy": round(slow / fast, 1),
        "share of both limits, one after the other": round(evaluations / fast / together, 2),
        "peak": f"{2 * limits['multiply-adds'] / 1e9:.0f} GFLOP/s",
    }


def scene(rng: np.random.Generator) -> tuple[Any, LabelImage, NDArray[np.float32]]:
    """Packed points and table, the label image, and poses of particles around the truth."""
    points = street(60_000, 200.0, rng)
    image, map_from_camera = seen_from(np.eye(4), rng)
    rows = points.near(map_from_camera[:3, 3] + (25.0, 0, 0), 20.0, len(points))
    blocks, own = points.packed(rng.permutation(rows)[:POINTS], np.zeros(3))
    spread = rng.normal(0, 1, (PARTICLES, 6)) * ([0.3] * 3 + [0.02] * 3)
    poses = kernel_poses(image, map_from_camera @ se3.exp(spread), np.zeros(3))
    return (blocks, own, pack_table(table_of(points))), image, poses


def seen_from(map_from_base: FloatArray, rng: np.random.Generator) -> tuple[LabelImage, FloatArray]:
    """The label image with 20 % wrong patches, and where it was taken."""
    map_from_camera = map_from_base @ BASE_FROM_CAMERA
    labels = label_map(map_from_camera, rng, 0.2)
    return label_image(CAMERA, labels, np.ones(LABELS, np.bool_)), map_from_camera


def table_of(points: LabelPoints) -> NDArray[np.float32]:
    """What is assumed of wrong labels."""
    return label_statistics.assumed_table(label_statistics.label_shares(points), CONFIG.labels)


def in_numpy(
    poses: Any, blocks: Any, rows: Any, labels: Any, table: Any, least_cosine2: Any,
    width: int, height: int,
) -> tuple[FloatArray, NDArray[np.int64]]:
    """The same sums, particle by particle in vectors (faster here than all at once)."""
    points = np.ascontiguousarray(blocks.transpose(1, 0, 2).reshape(8, -1))
    flat, counted = rows.ravel(), (table + (1 << 21)) >> 22
    log_ratio = (table - (counted << 22)) / 512
    sums, counts = np.zeros(len(poses)), np.zeros(len(poses), np.int64)
    for number, pose in enumerate(poses):
        offset = points[:3] - pose[:3, None]
        u, v, depth = pose[3:].reshape(3, 3) @ offset
        with np.errstate(divide="ignore", invalid="ignore"):
            u, v = u / depth, v / depth
        distance2 = (offset * offset).sum(0)
        along = -(offset * points[3:6]).sum(0)
        seen = (depth > 0) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
        seen &= (distance2 >= points[6]) & (distance2 <= points[7])
        seen &= (along > 0) & (along * along >= least_cosine2 * distance2)
        at = np.flatnonzero(seen)
        entry = flat[at] + labels[v[at].astype(np.int32) * width + u[at].astype(np.int32)]
        sums[number], counts[number] = log_ratio[entry].sum(), counted[entry].sum()
    return sums, counts


@numba.njit(nogil=True, parallel=True)
def first_sweep(poses: Any, blocks: Any, least_cosine2: Any, width: int, height: int) -> Any:
    """Projection and tests alone."""
    last = np.zeros(len(poses), np.int32)
    for pose in numba.prange(len(poses)):
        pixels = np.empty(BLOCK, np.int32)
        for block in range(len(blocks)):
            find_pixels(poses[pose], blocks[block], least_cosine2, width, height, pixels)
            last[pose] += pixels[block]
    return last


@numba.njit(nogil=True, parallel=True)
def second_sweep(count: int, pixels: Any, rows: Any, labels: Any, table: Any) -> Any:
    """Look-ups and sums alone."""
    sums = np.zeros(count, np.int64)
    for pose in numba.prange(count):
        for block in range(len(rows)):
            sums[pose] += sum_table(pixels[block], rows[block], labels, table)
    return sums


def machine_limits(table_size: int, repeat: int) -> dict[str, float]:
    """Per second, on all threads: multiply-adds of float32 in the first cache, and look-ups of one
    random byte in a table of this size."""
    values = np.linspace(0.5, 1.0, 2048, dtype=np.float32)
    rng = np.random.default_rng(1)
    index = rng.integers(0, table_size, 4096).astype(np.int32)
    table = rng.integers(0, 255, table_size).astype(np.uint8)
    times = 2000
    arithmetic = fastest(lambda: polynomials(values, times), repeat)
    lookups = fastest(lambda: bytes_looked_up(index, table, times), repeat)
    return {
        "multiply-adds": times * len(values) * POLYNOMIAL / arithmetic[0],
        "look-ups": times * len(index) / lookups[0],
    }


@numba.njit(nogil=True, parallel=True, fastmath=True)
def polynomials(values: Any, times: int) -> Any:
    """A polynomial of degree POLYNOMIAL of each value, by Horner."""
    sums = np.zeros(times, np.float32)
    for time_ in numba.prange(times):
        shift, total = np.float32(time_), np.float32(0.0)
        for k in range(len(values)):
            x, y = values[k], shift
            for _ in range(POLYNOMIAL):
                y = y * x + shift
            total += y
        sums[time_] = total
    return sums


@numba.njit(nogil=True, parallel=True)
def bytes_looked_up(index: Any, table: Any, times: int) -> Any:
    """Sum of the bytes that an index names."""
    sums = np.zeros(times, np.int64)
    for time_ in numba.prange(times):
        total = np.int32(time_)
        for k in range(len(index)):
            total += table[index[k]]
        sums[time_] = total
    return sums


CONFIG = FilterConfig(points=2000, particles=ParticlesConfig(least=PARTICLES, most=PARTICLES))


def costs(
    rng: np.random.Generator, repeat: int, largest: int
) -> dict[str, tuple[float, float]]:
    """Median ms and CPU ms of a step (one 640x480 camera) by particles, points, size of map."""
    base, dense = street(100_000, 500.0, rng), street(500_000, 500.0, rng)
    found = {}
    for count in (250, 500, 1000, 2000, 4000):
        particles = dataclasses.replace(CONFIG.particles, least=count, most=count)
        config = dataclasses.replace(CONFIG, particles=particles)
        found[f"step: {count} particles, 2000 points, map of 100,000"] = step_ms(
            base, config, rng, repeat
        )
    for count in (500, 1000, 2000, 4000, 8000):  # chosen among points in proportion to them
        config = dataclasses.replace(CONFIG, points=count, near_points=8 * count)
        found[f"step: 1000 particles, {count} points, map of 500,000"] = step_ms(
            dense, config, rng, repeat
        )
    size = 1_000_000
    while size <= largest:  # as dense as the small one, so longer
        with tempfile.TemporaryDirectory() as folder:
            street(size, size / 200.0, rng).save(Path(folder))
            start = time.perf_counter()
            mapped = LabelPoints.load(Path(folder))
            load_ms = 1e3 * (time.perf_counter() - start)
            found[f"load: map of {size:,}"] = load_ms, load_ms
            found[f"step: 1000 particles, 2000 points, map of {size:,}"] = step_ms(
                mapped, CONFIG, rng, repeat
            )
            del mapped
        size *= 10
    return found


def step_ms(
    points: LabelPoints, config: FilterConfig, rng: np.random.Generator, repeat: int
) -> tuple[float, float]:
    """Median wall and CPU ms of steps of a robot that drives 0.5 m from image to image: making the
    label image ready, motion, weights and drawing anew."""
    found = ParticleFilter(points, table_of(points), config, 0)
    spread = np.diag(np.square([0.2, 0.2, 0.02, 0.005, 0.005, 0.02]))
    found.start(0, Odometry(0, np.eye(4)), [Fix(np.eye(4), spread)])
    spent = []
    for number in range(1, repeat + 2):
        pose = se3.make_pose(np.eye(3), [0.5 * number, 0.0, 0.0])
        labels = label_map(pose @ BASE_FROM_CAMERA, rng, 0.2)
        start, cpu = time.perf_counter(), time.process_time()
        image = label_image(CAMERA, labels, np.ones(LABELS, np.bool_))
        evidence = Labels((LabelView(image, BASE_FROM_CAMERA),))
        found.add(Step(number * 10**8, Odometry(number * 10**8, pose), evidence))
        spent.append((time.perf_counter() - start, time.process_time() - cpu))
    wall, busy = 1e3 * np.median(spent[2:], axis=0)
    return float(wall), float(busy)


def draw(cost: dict[str, tuple[float, float]], path: Path) -> None:
    """Cost against particles and against the size of the map."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(9, 3), sharey=True)
    words = {name: name.replace(",", "").split() for name in cost if name.startswith("step")}
    usual = {1: "1000", 3: "2000"}
    of_map = {1: {"100000"}, 3: {"500000"}, 7: {parts[7] for parts in words.values()} - {"500000"}}
    for axis, place, label in zip(
        axes, (1, 3, 7), ("particles", "points", "points of the map"), strict=True
    ):
        same = [
            (int(parts[place]), cost[name][1]) for name, parts in words.items()
            if all(parts[other] == usual[other] for other in usual if other != place)
            and parts[7] in of_map[place]
        ]
        axis.plot(*zip(*sorted(same), strict=True), "o-")
        axis.set_xlabel(label)
        axis.set_ylim(bottom=0)
    axes[2].set_xscale("log")
    axes[0].set_ylabel("CPU ms per step")
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def fastest(call: Callable[[], object], repeat: int) -> tuple[float, float]:
    """Least wall and CPU seconds of some calls: other work on the machine only ever adds."""
    call()
    spent = []
    for _ in range(repeat):
        start, cpu = time.perf_counter(), time.process_time()
        call()
        spent.append((time.perf_counter() - start, time.process_time() - cpu))
    wall, busy = np.min(spent, axis=0)
    return float(wall), float(busy)


if __name__ == "__main__":
    main()
