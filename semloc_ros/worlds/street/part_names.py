"""Names of the parts of a street: class, part, and the colour it was painted when it was built."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from semloc_ros import classes
from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering.scene import SceneBuilder, Surface

STOREYS = ("/ground", "/low", "/high")
ROAD = ("", "/parking", "/painted")
_OF_FRONTS = ("wall", "flank", "window", "french")
# How far colours (RGB, 0-255) of one name may lie apart; parts that are not here have one name.
_REACH = {"wall": 32.0, "flank": 48.0, "roof": 40.0, "door": 48.0, "slabs": 9.0, "house": 48.0,
          "sign": 64.0}  # fmt: skip


def patch_names(builder: SceneBuilder) -> list[str]:
    """For each patch of the builder: "building/brick wall 2", "sidewalk/kerb"."""
    tones = [image.reshape(-1, 3).mean(0) for image in builder.images]
    palettes: dict[str, list[FloatArray]] = {}
    named: dict[tuple[int, int, str], str] = {}
    names = []
    for *_, surface, _ in builder.patches:
        key = (surface.texture, surface.label, surface.part)
        if key not in named:
            named[key] = _name(surface, tones[surface.texture], palettes)
        names.append(named[key])
    return names


def suffixes(name: str) -> tuple[str, ...]:
    """What a name is split into by place: storeys of a front, lanes and markings of a road."""
    if name == "road/carriageway":
        return ROAD
    words = name.partition("/")[2].split()
    fronts = name.startswith("building/") and "dormer" not in words
    return STOREYS if fronts and any(word in _OF_FRONTS for word in words) else ("",)


def parent_of(name: str) -> int:
    """The train id of the class a name belongs to, 255 for street furniture that has none."""
    head = name.partition("/")[0]
    return classes.NAMES.index(head) if head in classes.NAMES else classes.UNKNOWN


def _name(surface: Surface, tone: FloatArray, palettes: dict[str, list[FloatArray]]) -> str:
    head = "street" if surface.label == classes.UNKNOWN else classes.NAMES[surface.label]
    part = surface.part or ("sign" if surface.object_id else "other")
    base, kind = f"{head}/{part}", part.split()[-1]
    reach = _REACH.get(kind)
    return base if reach is None else f"{base} {_nearest(tone, palettes, base, reach)}"


def _nearest(
    tone: FloatArray, palettes: dict[str, list[FloatArray]], base: str, reach: float
) -> int:
    """The number of the first colour within reach; a new one, if there is none."""
    palette: Sequence[FloatArray] = palettes.setdefault(base, [])
    near = [k for k, other in enumerate(palette) if np.linalg.norm(tone - other) < reach]
    if not near:
        palettes[base].append(tone)
    return near[0] if near else len(palettes[base]) - 1
