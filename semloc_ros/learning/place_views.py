"""Images for the training of place descriptors: where each was taken, from whatever folder.

- worlds of `semloc world make` (poses and true labels), folders of one world and seed are one
  place; kapture folders (poses); folders with UTM positions in their names (GPS).
- Runs are traversals of a place, in other conditions: positives are sought in other runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets import kapture, utm_places, world_folder
from semloc_ros.errors import DatasetError, expected
from semloc_ros.types import FloatArray, LabelMap, PlaceImage, PosedImage

_MAPPING, _QUERY = "mapping", "query"


@dataclass(frozen=True, slots=True)
class PlaceView:
    """One image of a known place.

    `world` numbers the places that have coordinates of their own; `run` and `name` are unique
    together. `position` (3,) metres; `direction` (3,) unit vector in which the camera looks, NaN
    where that is not known. `read` as of `types.PosedImage`; `read_labels` gives true labels
    (H, W), None where there are none.
    """

    name: str
    world: int
    run: str
    position: FloatArray
    direction: FloatArray
    read: Callable[[], NDArray[np.uint8]]
    read_labels: Callable[[], LabelMap] | None = None


def read_views(folders: Sequence[Path], first_world: int = 0, split: str = "") -> list[PlaceView]:
    """The images of all folders; `first_world` is the number of the first world.

    `split` is the one of UTM sets to read ("train", "val"); one that stands alone is read by any
    name. Raises DatasetError, in one line, for a folder that is none of the known ones, is empty,
    or has splits, but not that one.
    """
    worlds: dict[str, int] = {}
    views: list[PlaceView] = []
    for folder in map(Path, folders):
        world = worlds.setdefault(place_of(folder), first_world + len(worlds))
        views += _read_folder(folder, world, split)
    if not views:
        raise DatasetError(expected("folders", "images of places", "none"))
    names = {(view.run, view.name) for view in views}
    if len(names) < len(views):
        wanted = "folders of different names, each once"
        raise DatasetError(expected("folders", wanted, " ".join(map(str, folders))))
    return views


def place_of(folder: Path) -> str:
    """What is the same for folders that share their coordinates: the kind and the seed of a world,
    else the folder itself. DatasetError for a world that does not say."""
    path = folder / "world.json"
    if not path.is_file():
        return str(folder.resolve())
    try:
        told = json.loads(path.read_text())
        return f"{told['world']} {told['config']['seed']}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(expected(str(path), "a world and its seed", repr(error))) from None


def _read_folder(folder: Path, world: int, split: str) -> list[PlaceView]:
    if world_folder.recognize(folder):
        return _of_world(folder, world)
    if kapture.recognize(folder):
        found = kapture.read_kapture_set(folder)
        parts = {_MAPPING: found.mapping, _QUERY: found.queries}
        return [
            _posed(image, world, f"{folder.name}/{part}")
            for part, images in parts.items() for image in images if isinstance(image, PosedImage)
        ]  # fmt: skip
    if utm_places.recognize(folder):
        return _of_utm(folder, world, split)
    wanted = "a world, a kapture folder or images named @east@north@…"
    raise DatasetError(expected(str(folder), wanted, "something else"))


def _of_world(folder: Path, world: int) -> list[PlaceView]:
    labelled = {
        (run, one.name): one.read_labels
        for run, images in world_folder.read_world_labels(folder).items() for one in images
    }  # fmt: skip
    return [
        _posed(image, world, f"{folder.name}/{run}", labelled.get((run, image.name)))
        for run, images in world_folder.read_world_images(folder).items() for image in images
    ]  # fmt: skip


def _posed(
    image: PosedImage, world: int, run: str, labels: Callable[[], LabelMap] | None = None
) -> PlaceView:
    rotation, moved = image.camera_from_map[:3, :3], image.camera_from_map[:3, 3]
    return PlaceView(
        image.name, world, run, -rotation.T @ moved, rotation[2].copy(), image.read, labels
    )


def _of_utm(folder: Path, world: int, split: str) -> list[PlaceView]:
    known = utm_places.splits(folder)
    if split not in known and len(known) > 1:  # none of the others, which may be the test's
        raise DatasetError(expected(str(folder), f"the split {split}", ", ".join(known)))
    chosen = split if split in known else known[0]
    return [
        _of_name(image, world, f"{folder.name}/{part}")
        for part in utm_places.parts(folder, chosen)
        for image in utm_places.read_utm_places(folder, chosen, part)
    ]


def _of_name(image: PlaceImage, world: int, run: str) -> PlaceView:
    """Axes: east, north, up."""
    position = np.array([*image.position_xy, 0.0])
    direction = np.full(3, np.nan)
    if image.heading is not None:
        direction = np.array([np.sin(image.heading), np.cos(image.heading), 0.0])
    return PlaceView(image.name, world, run, position, direction, image.read)


def split_views(
    views: Sequence[PlaceView], share: float, blocks: int, apart_m: float,
    rng: np.random.Generator,
) -> tuple[list[PlaceView], list[PlaceView]]:  # fmt: skip
    """Views to learn from, and views of other places to validate with.

    In each world the run with the most images is cut into `blocks` stretches; `share` of them,
    and all images that are nearest to one of those, are for validation. Images to learn from that
    are no farther than `apart_m` from one of them are left out. Raises DatasetError if nothing is
    left of either.
    """
    training: list[PlaceView] = []
    validation: list[PlaceView] = []
    for world in sorted({view.world for view in views}):
        here = [view for view in views if view.world == world]
        kept_back = _kept_back(here, share, blocks, rng)
        near = _near(here, kept_back, apart_m)
        validation += [view for view, kept in zip(here, kept_back, strict=True) if kept]
        training += [view for view, close in zip(here, near, strict=True) if not close]
    if not training or not validation:
        got = f"{len(training)} and {len(validation)} images"
        raise DatasetError(expected("places", "enough to train and to validate", got))
    return training, validation


def _kept_back(
    views: Sequence[PlaceView], share: float, blocks: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    from scipy.spatial import cKDTree

    runs = [view.run for view in views]
    longest = max(dict.fromkeys(runs), key=runs.count)
    along = [view for view in sorted(views, key=lambda one: one.name) if view.run == longest]
    # the cameras of a rig have folders of their own: stretches are of the first one's images
    first = along[0].name.rpartition("/")[0]
    along = [view for view in along if view.name.rpartition("/")[0] == first]
    count = min(blocks, len(along))
    chosen = rng.permutation(count)[: max(1, round(share * count))]
    tree = cKDTree(np.stack([view.position for view in along]))
    nearest = tree.query(np.stack([view.position for view in views]))[1]
    return np.isin(nearest * count // len(along), chosen)


def _near(
    views: Sequence[PlaceView], chosen: NDArray[np.bool_], metres: float
) -> NDArray[np.bool_]:
    from scipy.spatial import cKDTree

    positions = np.stack([view.position for view in views])
    distances, _ = cKDTree(positions[chosen]).query(positions)
    return np.asarray(distances <= metres)
