"""`semloc learn masks`: masks of what moves, from clips of a camera that stands still."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.config.mining import MINING_PRESETS, MiningConfig
from semloc_ros.errors import ConfigError, DatasetError, expected
from semloc_ros.options import flatten, from_mapping, load_yaml

if TYPE_CHECKING:
    from semloc_ros.learning.mask_files import MaskFolder
    from semloc_ros.types import StaticClip


def masks(
    clip: Path = typer.Argument(..., help="A video, a folder of images, a CDnet clip, or a folder "
    "of clips."),
    out: Path = typer.Option(..., help="New folder: images, masks and instances as COCO."),
    preset: str = typer.Option("default", help="Options to start from: default or paper."),
    config: Path | None = typer.Option(None, help="Options as yaml, instead of a preset."),
    overlays: bool = typer.Option(
        False, help="Also a video of all frames with their masks, for each clip."
    ),
    set_: list[str] = typer.Option(
        [], "--set", metavar="NAME=VALUE", help="An option, e.g. queries=20.",
    ),
) -> None:  # fmt: skip
    """Find what moves in clips of a camera that stands still: masks to train segmenters with.

    Of several clips those that do not do, because the camera moved for one, are left out, and said.
    """
    from semloc_ros.learning.mask_files import MaskFolder

    options = _options(preset, config, set_)
    clips = _clips(clip)
    folder = MaskFolder(out, options)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True,
    ) as bar:  # fmt: skip
        lines = []
        for one in clips:
            try:
                lines.append(_mine(one, options, folder, bar))
                if overlays:
                    _draw(one, options, out / f"{one.name}.mp4", bar)
            except DatasetError as error:
                if len(clips) == 1:
                    raise
                lines.append(f"left out: {error}")
    folder.close()
    for line in [*lines, f"{out}: written"]:
        Console().print(line, highlight=False, soft_wrap=True)


def _options(preset: str, config: Path | None, assignments: list[str]) -> MiningConfig:
    if preset not in MINING_PRESETS:
        raise ConfigError(expected("--preset", " or ".join(MINING_PRESETS), preset))
    start = from_mapping(MiningConfig, MINING_PRESETS[preset])
    if config is not None:
        start = load_yaml(MiningConfig, config)
    return from_mapping(MiningConfig, {**flatten(start), **parse_assignments(assignments)})


def _clips(path: Path) -> list[StaticClip]:
    """One clip, or those of a folder; their names name the files that are written."""
    from semloc_ros.datasets.static_clips import read_static_clip, read_static_clips, recognize

    clips = read_static_clips(path) if recognize(path) else [read_static_clip(path)]
    names = [clip.name for clip in clips]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DatasetError(expected(str(path), "clips of different names", ", ".join(twice)))
    return clips


def _mine(clip: StaticClip, options: MiningConfig, folder: MaskFolder, bar: Progress) -> str:
    """Masks of one clip into the folder; what to say of them."""
    from semloc_ros.learning.mask_mining import MaskMiner, spread

    miner = MaskMiner(clip, options)
    indices = spread(clip.num_frames, options.queries)
    found = [folder.add(one) for one in bar.track(
        miner.mine(indices), total=len(indices), description=clip.name
    )]  # fmt: skip
    camera = f"; {miner.report}" if miner.report else ""
    return f"{clip.name}: {len(found)} masks, {sum(found)} instances{camera}"


def _draw(clip: StaticClip, options: MiningConfig, path: Path, bar: Progress) -> None:
    """The overlay video of one clip."""
    from semloc_ros.learning.mask_mining import MaskMiner
    from semloc_ros.learning.mask_overlays import OverlayVideo

    mined = MaskMiner(clip, options).mine(range(clip.num_frames))
    video = OverlayVideo(path, clip.read(0).shape[:2], clip.rate_hz)
    for one in bar.track(mined, total=clip.num_frames, description=path.name):
        video.add(one)
    video.close()
