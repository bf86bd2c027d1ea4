"""The demo's world and its map: features, and what each node needs in it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from semloc_ros import __version__
from semloc_ros.cli import demo_nodes
from semloc_ros.config import DemoConfig, DemoGalleryConfig, DemoNodesConfig, MapBuilderConfig
from semloc_ros.errors import ConfigError, expected
from semloc_ros.options import flatten, from_mapping, to_mapping

if TYPE_CHECKING:
    from semloc_ros.maps.objects import MapObjects

# all that is drawn from the seed before the last painting hangs: another value, other pictures
_CHOOSE_PAINTINGS = (
    "seed", "columns", "room_width_m", "room_depth_m", "room_height_m", "texel_mm", "paintings",
    "paintings_per_room", "duplicated_posters",
)  # fmt: skip


def check_gallery(config: DemoConfig) -> None:
    """ConfigError where the shipped model of objects would look for pictures that it never saw:
    those of every gallery have the same names, so nothing else would tell."""
    model, usual = config.nodes.objects_model, DemoGalleryConfig()
    if model != DemoNodesConfig().objects_model:
        return
    for name in _CHOOSE_PAINTINGS:
        wanted, got = getattr(usual, name), getattr(config.world, name)
        if got != wanted:
            line = expected(f"world.{name}", f"{wanted}, whose pictures {model} knows", got)
            raise ConfigError(f"{line}; else set nodes.objects_model= (none), or one that fits")


def check_models(config: DemoConfig) -> dict[str, str]:
    """By option the hash of each model's file; ModelError, in one line, for what is not there or
    of another kind."""
    from semloc_ros.errors import ModelError
    from semloc_ros.networks.manifest import file_sha256, find_model
    from semloc_ros.networks.model_about import (
        InstanceAbout,
        ModelAbout,
        ObjectAbout,
        PlaceAbout,
        check_gives,
        read_about,
    )

    nodes, places = config.nodes, config.nodes.places_model
    wanted: list[tuple[str, str, type[Any]]] = [
        ("masks_model", nodes.masks_model, InstanceAbout),
        ("labels_model", nodes.labels_model, ModelAbout),
        ("objects_model", nodes.objects_model, ObjectAbout),
        *(("places_model", one, PlaceAbout) for one in _files_of_places(places)),
    ]
    found = {}
    for option, name, kind in wanted:
        if not name:
            continue
        try:
            path = find_model(Path(name).expanduser())
            if path.suffix == ".safetensors":  # others are read by their nodes
                check_gives(path, read_about(path), kind)
        except ModelError as error:
            raise ModelError(f"nodes.{option}: {error}") from None
        found[f"{option} {name}"] = file_sha256(path)
    return found


def _files_of_places(models: str) -> list[str]:
    """The models of places that are files of weights."""
    from semloc_ros.perception.hybrids import find_hybrid

    names = [one.strip() for one in models.split(",")]
    return [one for one in names if one not in ("", "gradients") and find_hybrid(one) is None]


def make_world(config: DemoConfig, folder: Path) -> bool:
    """Render the world unless it is there."""
    from semloc_ros.worlds.recording.gallery import make_gallery

    with _bar() as bar:
        task = bar.add_task("images", total=None)

        def tell(done: int, total: int, doing: str) -> None:
            bar.update(task, completed=done, total=total, description=doing)

        return make_gallery(config.world, folder, tell)


def make_map(config: DemoConfig, out: Path) -> bool:
    """Build the map unless the one that is there was made of the same world, options and models."""
    note, recipe = out / "map.recipe", _recipe(config, out / "world")
    if (out / "map").exists() and note.exists() and note.read_text() == recipe:
        return False
    note.unlink(missing_ok=True)
    _build(config, out)
    _describe(config, out)
    note.write_text(recipe)
    return True


def _recipe(config: DemoConfig, world: Path) -> str:
    """What the map depends on, as one word."""
    from semloc_ros.worlds.recording.folders import WORLD_FILE

    options = [to_mapping(_building(config)), to_mapping(config.nodes), check_models(config)]
    made_of = [__version__, (world / WORLD_FILE).read_text(), json.dumps(options, sort_keys=True)]
    return hashlib.sha256("\n".join(made_of).encode()).hexdigest()


def _building(config: DemoConfig) -> MapBuilderConfig:
    """The builder's options, with the number of features that the localizer has too."""
    return from_mapping(
        MapBuilderConfig, {**flatten(config.map), "features.max_features": config.max_features}
    )


def _build(config: DemoConfig, out: Path) -> None:
    """Views and points."""
    from semloc_ros.datasets.bags import posed_images
    from semloc_ros.maps.builder import build_map
    from semloc_ros.perception.features import RootSift

    images = posed_images(
        out / "world" / "mapping", demo_nodes.IMAGE, demo_nodes.CAMERA_INFO, demo_nodes.TRUTH
    )
    building = _building(config)
    extract = RootSift(building.features).extract
    with _bar() as bar:
        tasks: dict[str, TaskID] = {}

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage)
            bar.update(tasks[stage], completed=done, total=total)

        build_map(images, extract, building, out / "map", advance, source="gallery world")


def _describe(config: DemoConfig, out: Path) -> None:
    """Labels of the points, descriptors of the views, and objects, as the nodes need them."""
    from semloc_ros.cli.map_label import label
    from semloc_ros.cli.map_places import places

    images, folder, nodes = out / "world" / "mapping", out / "map", config.nodes
    if nodes.labels_model:
        label(
            folder, labels=nodes.labels_model, images=images, count=None, stationary=None,
            out=None, set_=[],
        )  # fmt: skip
    if nodes.places_model:
        places(folder, model=nodes.places_model, images=images, labels=None, set_=[])
    if nodes.objects_model:
        _learn_objects(config, out, lambda line: Console().print(line, highlight=False))


def _learn_objects(config: DemoConfig, out: Path, say: Callable[[str], None]) -> None:
    """The pictures on the walls, as the world has them: the model learned them so."""
    from semloc_ros.config.object_annotation import AnnotationConfig
    from semloc_ros.learning.object_annotation import Propagator
    from semloc_ros.maps.object_files import save_objects
    from semloc_ros.maps.storage import load_map

    semantic_map = load_map(out / "map")
    hung = _hung_objects(config, out / "objects")
    found = Propagator(semantic_map, AnnotationConfig()).sighted(hung)
    save_objects(out / "map", found)
    seen = sum(any(one.sightings for one in each.instances) for each in found.objects)
    say(f"{out / 'map'}: {len(found)} objects of the world, {seen} of them seen by views")


def _hung_objects(config: DemoConfig, folder: Path) -> MapObjects:
    """The paintings of the mapping run, written where a dataset folder has them: bags have none."""
    from semloc_ros.datasets.world_objects import world_map_objects
    from semloc_ros.worlds.gallery.changes import State
    from semloc_ros.worlds.gallery.layout import build_gallery
    from semloc_ros.worlds.recording.objects import write_objects
    from semloc_ros.worlds.recording.traversal import PlannedObject

    gallery = build_gallery(config.world, State(config.world.mapping_light))
    hung = [
        PlannedObject(one.object_id, one.instance, one.corners_map, one.texture)
        for one in gallery.paintings
    ]
    shutil.rmtree(folder, ignore_errors=True)  # pictures that are there would be kept
    write_objects(folder, folder / "frames" / "mapping", hung)
    return world_map_objects(folder, "mapping")


def _bar() -> Progress:
    columns = (TextColumn("    {task.description}"), BarColumn(), MofNCompleteColumn())
    terminal = Console(stderr=True)
    return Progress(
        *columns, TimeRemainingColumn(), console=terminal, transient=True,
        disable=not terminal.is_terminal,
    )  # fmt: skip
