"""`semloc map`: build, look at, import and export maps."""

from __future__ import annotations

import enum
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from semloc_ros.cli import map_clusters, map_label, map_objects, map_places
from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.cli.map_masks import masks_from, take_dynamic
from semloc_ros.config import MapBuilderConfig
from semloc_ros.errors import ConfigError, expected
from semloc_ros.options import from_mapping

if TYPE_CHECKING:
    from semloc_ros.maps.masks import Masks
    from semloc_ros.maps.semantic_map import SemanticMap
    from semloc_ros.types import PosedImage

app = typer.Typer(help="Build, look at, import and export maps.", no_args_is_help=True)


class Format(str, enum.Enum):
    """Formats of other programs."""

    KAPTURE = "kapture"
    COLMAP = "colmap"
    NVM = "nvm"


_SET = typer.Option(
    [], "--set", metavar="NAME=VALUE", help="An option of the builder, e.g. ratio=0.8."
)
_CORNER = typer.Option(
    False, "--corner-pixels/--centre-pixels",
    help="kapture: where pixel (0, 0) is; the corner in folders converted from COLMAP.",
)
_IMAGES = typer.Option(None, "--images", help="Folder of the image files (COLMAP, NVM).")
_BODY = typer.Option(
    False, "--poses-of-body/--poses-of-camera",
    help="SLAM: whose poses they are; of the body in EuRoC files that were made with an IMU.",
)
_OPTICAL = typer.Option(
    False, "--optical-world/--world-as-it-is",
    help="SLAM: turn a world that begins as the first camera's axes (ORB-SLAM3 without an IMU) "
    "so that z is up.",
)


@app.command()
def build(
    out: Path = typer.Option(..., help="Folder of the map; a map that is there is replaced."),
    bag: Path = typer.Option(None, help="ROS bag (sqlite3, mcap or ROS 1) with images and poses."),
    kapture: Path = typer.Option(None, help="kapture 1.1 folder."),
    colmap: Path = typer.Option(None, help="COLMAP model; needs --images."),
    nvm: Path = typer.Option(None, help="VisualSFM .nvm file; needs --images."),
    trajectory: Path = typer.Option(
        None, help="A SLAM's trajectory or keyframes (TUM, EuRoC, KITTI); needs --images, --camera."
    ),
    images: Path = _IMAGES,
    camera: Path = typer.Option(None, help="SLAM: settings file of ORB-SLAM3, with the lens."),
    stamps: Path = typer.Option(
        None, help="SLAM: list of the images' stamps; without it they are the files' names."
    ),
    poses_of_body: bool = _BODY,
    optical_world: bool = _OPTICAL,
    scale: float = typer.Option(1.0, min=1e-6, help="SLAM: metres per unit of the trajectory."),
    corner_pixels: bool = _CORNER,
    image_topic: str = typer.Option("/camera/image_raw/compressed", help="Bag: images."),
    info_topic: str = typer.Option("/camera/camera_info", help="Bag: intrinsics."),
    pose_topic: str = typer.Option("/ground_truth/pose", help="Bag: poses of the base, or /tf."),
    map_frame: str = typer.Option("map", help="Name of the map's frame."),
    every: int = typer.Option(1, min=1, help="Use every n-th image."),
    masks: str = typer.Option(
        None, metavar="SOURCE", help="What moves is left out of the map: a model (name or file) "
        "that finds it, a folder of PNG by the images' names (255 = dynamic), or a world's folder, "
        "for its truth.",
    ),
    set_: list[str] = typer.Option(
        [], "--set", metavar="NAME=VALUE", help="An option of the builder, e.g. ratio=0.8, or of "
        "the model of --masks, e.g. masks.score=0.3.",
    ),
) -> None:
    """Build a map from images with known poses. A killed build goes on where it was."""
    given_options = parse_assignments(set_)
    dynamic = take_dynamic(given_options)
    config = from_mapping(MapBuilderConfig, given_options)
    topics = (image_topic, info_topic, pose_topic)
    sources: dict[str, tuple[Path | None, Callable[[Path], list[PosedImage]]]] = {
        "--bag": (bag, lambda path: _bag_images(path, *topics, map_frame)),
        "--kapture": (kapture, lambda path: _kapture_images(path, corner_pixels)),
        "--colmap": (colmap, lambda path: _colmap_images(path, images)),
        "--nvm": (nvm, lambda path: _nvm_images(path, images)),
        "--trajectory": (trajectory, lambda path: _slam_images(
            path, images, camera, stamps, poses_of_body, optical_world, scale
        )),
    }
    given = {name: (path, read) for name, (path, read) in sources.items() if path is not None}
    if len(given) != 1:
        raise ConfigError(expected("source", "one of " + ", ".join(sources), list(given) or "none"))
    ((name, (path, read)),) = given.items()
    assert path is not None
    left_out = masks_from(masks, dynamic)
    _build(read(path)[::every], config, out, f"{name[2:]} {path.name}", map_frame, left_out)


@app.command()
def info(
    folder: Path, verify: bool = typer.Option(True, help="Check every file's sha256.")
) -> None:
    """What a map holds, after checking that it is whole."""
    from semloc_ros.maps.storage import load_map

    semantic_map = load_map(folder, verify)
    table = Table(title=str(folder), show_header=False)
    facts = _facts(semantic_map, folder) | {"places": _places_text(folder, verify)}
    facts["objects"] = map_objects.objects_text(folder, verify)
    for name, value in facts.items():
        table.add_row(name, str(value))
    Console().print(table)


@app.command("import")
def import_(
    source: Format,
    path: Path,
    out: Path = typer.Option(..., help="Folder of the map."),
    images: Path = _IMAGES,
    corner_pixels: bool = _CORNER,
    keep_points: bool = typer.Option(
        False, help="COLMAP, NVM: take the points as they are; they have no descriptors."
    ),
    set_: list[str] = _SET,
) -> None:
    """Make a map of another program's reconstruction.

    Its poses are kept and the points made anew, with our features, so that the map can be
    localized in. With --keep-points (or a COLMAP model without --images) the points are kept
    instead: a map to look at and to export.
    """
    from semloc_ros.maps.storage import save_map

    config = from_mapping(MapBuilderConfig, parse_assignments(set_))
    keep_points |= source is Format.COLMAP and images is None
    if keep_points and source is not Format.KAPTURE:
        save_map(_kept_points(source, path, images, config), out)
    else:
        readers: dict[Format, Callable[[], list[PosedImage]]] = {
            Format.KAPTURE: lambda: _kapture_images(path, corner_pixels),
            Format.COLMAP: lambda: _colmap_images(path, images),
            Format.NVM: lambda: _nvm_images(path, images),
        }
        _build(readers[source](), config, out, f"{source.value} {path.name}", "map")


@app.command()
def export(
    folder: Path,
    out: Path = typer.Option(..., help="Folder of the COLMAP model."),
    text: bool = typer.Option(False, help="Write .txt instead of .bin files."),
) -> None:
    """Write a map as a COLMAP model (without descriptors)."""
    from semloc_ros.maps.colmap import write_colmap
    from semloc_ros.maps.storage import load_map

    write_colmap(load_map(folder), out, text)
    Console().print(f"{out}: written", highlight=False)


@app.command()
def view(
    folder: Path,
    out: Path = typer.Option(None, help="Picture file; the default is MAP.png beside the map."),
) -> None:
    """Draw a map from above and from two sides."""
    from semloc_ros.maps.drawing import draw_map
    from semloc_ros.maps.storage import load_map

    picture = out or folder.with_name(f"{folder.resolve().name}.png")
    draw_map(load_map(folder), picture)
    Console().print(f"{picture}: written", highlight=False)


app.command()(map_label.label)
app.command()(map_clusters.clusters)
app.command()(map_places.places)
app.add_typer(map_objects.app, name="objects")


def _build(
    posed: list[PosedImage], config: MapBuilderConfig, out: Path, source: str, map_frame: str,
    masks: Masks | None = None,
) -> None:  # fmt: skip
    from semloc_ros.maps.builder import build_map
    from semloc_ros.perception.features import RootSift

    extractor = RootSift(config.features)
    with _bar() as bar:
        tasks: dict[str, Any] = {}

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage)
            bar.update(tasks[stage], completed=done, total=total)

        semantic_map = build_map(
            posed, extractor.extract, config, out, tell, source, map_frame, masks
        )
    counts = f"{semantic_map.num_points} points, {semantic_map.num_views} views"
    if masks is not None:
        share = semantic_map.manifest.build["masks"]["share"]
        counts += f", {100 * share:.1f} % of the pixels masked"
    Console().print(f"{out}: {counts}", highlight=False)


def _kept_points(
    source: Format, path: Path, images: Path | None, config: MapBuilderConfig
) -> SemanticMap:
    from semloc_ros.maps.colmap import read_colmap
    from semloc_ros.maps.nvm import read_nvm

    if source is Format.COLMAP:
        return read_colmap(path, images, config.keypoint_sigma_px)
    return read_nvm(path, _needed(images, "an NVM file"), config.keypoint_sigma_px)


def _bag_images(
    path: Path, image_topic: str, info_topic: str, pose_topic: str, map_frame: str
) -> list[PosedImage]:
    from semloc_ros.datasets.bags import posed_images

    return posed_images(path, image_topic, info_topic, pose_topic, map_frame=map_frame)


def _kapture_images(path: Path, corner_pixels: bool) -> list[PosedImage]:
    from semloc_ros.maps.kapture import read_kapture

    return read_kapture(path, corner_pixels)


def _colmap_images(path: Path, images: Path | None) -> list[PosedImage]:
    from semloc_ros.maps.colmap import read_colmap_images

    return read_colmap_images(path, _needed(images, "a COLMAP model"))


def _nvm_images(path: Path, images: Path | None) -> list[PosedImage]:
    from semloc_ros.maps.nvm import read_nvm_images

    return read_nvm_images(path, _needed(images, "an NVM file"))


def _slam_images(
    path: Path, images: Path | None, camera: Path | None, stamps: Path | None,
    poses_of_body: bool, optical_world: bool, scale: float,
) -> list[PosedImage]:
    from semloc_ros.datasets.slam_images import slam_images

    folder = _needed(images, "a trajectory")
    if camera is None:
        raise ConfigError(expected("--camera", "the settings file of ORB-SLAM3", "none"))
    return slam_images(folder, path, camera, stamps, poses_of_body, optical_world, scale)


def _needed(images: Path | None, what: str) -> Path:
    if images is None:
        raise ConfigError(expected("--images", f"the folder of the images of {what}", "none"))
    return images


def _facts(semantic_map: SemanticMap, folder: Path) -> dict[str, object]:
    import numpy as np

    manifest = semantic_map.manifest
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    facts: dict[str, object] = {
        "points": semantic_map.num_points,
        "views": semantic_map.num_views,
        "features": semantic_map.num_features,
        "cameras": "; ".join(
            f"{one.model} {one.width}x{one.height} f={one.fx:.1f}" for one in semantic_map.cameras
        ),
        "feature model": manifest.feature_model,
        "frame": f"{manifest.map_frame} ({manifest.units})",
        "source": manifest.source,
        "made by": f"{manifest.created_by}, schema {manifest.schema}",
        "size": f"{size / 1e6:.1f} MB",
    }
    if semantic_map.num_points:
        tracks = np.diff(semantic_map.track_offsets)
        facts["views per point"] = f"{tracks.mean():.1f}"
        facts["point sigma"] = f"median {np.median(semantic_map.point_sigma) * 100:.1f} cm"
    for name in ("median_error_px", "refinement", "masks"):
        if name in manifest.build:
            facts[name.replace("_px", " (px)").replace("_", " ")] = manifest.build[name]
    return facts | {"labels": _labels_text(semantic_map)}


def _labels_text(semantic_map: SemanticMap) -> str:
    """How many labels the points have, how many of these stay where they are, on which points."""
    histogram, stationary = semantic_map.label_histogram, semantic_map.label_stationary
    if not histogram.shape[1]:
        return "none"
    stay = f"{int(stationary.sum())} stationary" if len(stationary) else "which stay is not known"
    labelled = int(histogram.any(axis=1).sum())
    return f"{histogram.shape[1]}, {stay}, on {labelled} of {len(histogram)} points"


def _places_text(folder: Path, verify: bool) -> str:
    """Which models described the views, after checking that it is of these views, and whole."""
    from semloc_ros.maps.place_files import list_places, load_places

    kept = list_places(folder).values()
    if verify:
        for one in kept:
            load_places(folder, one.model, one.sha256)
    return ", ".join(one.model for one in kept) or "none"


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))
