"""What a world twice as long costs: processor time and memory, each world made in a process of
its own.

    python3 benchmarks/world_length.py [--seconds 20]

Runs of small images end after so many seconds, and after twice as many; the street's texels are
coarse, so that building it takes little beside the runs. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

_SMALL = ("image_width=320", "image_height=240", "mapping_rate=10", "query_rate=10")
_WORLDS = {
    "gallery": ("texel_mm=10", "crowd=2"),
    "street": ("texel_mm=60", "cameras=front"),
}
_MAIN = "from semloc_ros.cli.main import main; main()"
_QUIET = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]


def measure(world: str, seconds: float) -> tuple[float, float]:
    """Processor seconds and the most memory, in MB, of making a world whose runs last so long."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["world", "make", world, "--output", "both", "--out", f"{folder}/{world}"]
        if world == "street":
            words += ["--conditions", "summer"]
        for setting in (*_SMALL, *_WORLDS[world], f"longest_run_s={seconds}"):
            words += ["--set", setting]
        child = os.posix_spawn(
            sys.executable, [sys.executable, "-c", _MAIN, *words], os.environ, file_actions=_QUIET
        )
        _, status, usage = os.wait4(child, 0)
        if status or not (Path(folder) / world / "world.json").exists():
            raise SystemExit(f"{world} of {seconds} s: expected a world, got status {status}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Measures both worlds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the shorter runs")
    seconds = parser.parse_args().seconds
    print("| world | runs of | processor time | memory at most |\n|---|---|---|---|")
    for world in _WORLDS:
        for length in (seconds, 2 * seconds):
            took, most = measure(world, length)
            print(f"| {world} | {length:g} s | {took:.0f} s | {most:.0f} MB |", flush=True)


if __name__ == "__main__":
    main()
