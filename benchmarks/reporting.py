"""What the benchmarks share: their arguments, their table, their errors."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from semloc_ros.config import MapBuilderConfig
from semloc_ros.geometry import se3
from semloc_ros.localization.localizer import Localizer
from semloc_ros.maps.builder import build_map
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.maps.storage import load_map
from semloc_ros.options import to_mapping
from semloc_ros.perception.features import RootSift
from semloc_ros.types import FloatArray, Frame, NoPose, PosedImage, PoseEstimate

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

Result = PoseEstimate | NoPose


def arguments(about: str, data: str = "") -> argparse.ArgumentParser:
    """--data, --work (where maps are built and kept) and --json."""
    parser = argparse.ArgumentParser(description=about)
    if data:
        parser.add_argument("--data", type=Path, default=SHARED_DATA / data)
    parser.add_argument("--work", type=Path, default=ROOT / "out" / "benchmarks")
    parser.add_argument("--json", type=Path, help="also write the table to this file")
    return parser


def label_sets(about: str) -> argparse.ArgumentParser:
    """--world and --set NAME MAP LABELS, beside what all have."""
    parser = arguments(about)
    parser.add_argument("--world", type=Path, default=ROOT / "out" / "street")
    parser.add_argument(
        "--set", nargs=3, action="append", required=True, metavar=("NAME", "MAP", "LABELS"),
        help="a label set: its name, the map labelled with it, the label maps; may be repeated",
    )
    return parser


def progress() -> Progress:
    """A bar on stderr, so that the table can be piped."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=Console(stderr=True))


def report(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], path: Path | None,
    width: int = 120, **facts: Any,
) -> None:
    """Print one table, `width` letters wide, and the facts below; write both as json if asked."""
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*(f"{one:.3g}" if isinstance(one, float) else str(one) for one in row))
    console = Console(width=width)
    console.print(table)
    for name, value in facts.items():
        console.print(f"{name}: {value}", highlight=False)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        records = [dict(zip(columns, row, strict=True)) for row in rows]
        path.write_text(json.dumps({"title": title, "rows": records, "facts": facts}, indent=2))


def model_name(source: str) -> str:
    """What a model is called in a table: the stem of its file, or what it was named by."""
    path = Path(source)
    return path.stem if path.suffix in (".safetensors", ".onnx") else source


def built(images: Sequence[PosedImage], config: MapBuilderConfig, out: Path) -> SemanticMap:
    """The map of the images, kept in `out` as long as images, options and program stay."""
    names = "\n".join(image.name for image in images)
    source = f"{out.name} {hashlib.sha256(names.encode()).hexdigest()[:16]} by {program_hash()}"
    if out.exists():
        kept = load_map(out)
        same = kept.manifest.source == source
        if same and kept.manifest.build["options"] == to_mapping(config):
            return kept
    with progress() as bar:
        tasks: dict[str, TaskID] = {}

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(f"{out.name}: {stage}")
            bar.update(tasks[stage], completed=done, total=total)

        extract = RootSift(config.features).extract
        return build_map(images, extract, config, out, tell, source=source)


def program_hash() -> str:
    """What the program that makes maps and features is, as one word."""
    rooms = [ROOT / "semloc_ros" / room for room in ("maps", "perception", "geometry", "datasets")]
    files = sorted(path for room in rooms for path in room.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def localize_all(localizer: Localizer, images: Sequence[PosedImage], name: str) -> list[Result]:
    """Each image by itself, without a prior."""
    results = []
    with progress() as bar:
        for image in bar.track(images, description=name):
            results.append(localizer.localize(Frame(image.stamp_ns, image.read(), image.camera)))
    return results


def errors(results: Sequence[Result], truth: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Position (m) and rotation (rad) errors (N,) against `camera_from_map` truth; infinite for
    a frame that has no pose, so that it counts in every statistic."""
    pairs = np.full((len(results), 2), np.inf)
    for row, (result, pose) in enumerate(zip(results, truth, strict=True)):
        if isinstance(result, PoseEstimate):
            pairs[row] = pose_error(result.camera_from_map, pose)
    return pairs[:, 0], pairs[:, 1]


def pose_error(camera_from_map: FloatArray, truth: FloatArray) -> tuple[float, float]:
    """Position (m) and rotation (rad) error of a camera pose."""
    position, rotation = se3.pose_error(se3.inverse(camera_from_map), se3.inverse(truth))
    return float(position), float(rotation)
