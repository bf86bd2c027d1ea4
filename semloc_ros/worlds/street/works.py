"""What all builders of the street share: the scene, the condition, textures, objects of interest.

Random streams are named, so that what is drawn for one thing never shifts another; geometry never
draws from a stream that a condition touches. What only some conditions have (snow, leaves) is
added last: the triangles of everything else are the same, in the same order, in all of them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros import classes
from semloc_ros.config import StreetConfig
from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering.lighting import Lamp
from semloc_ros.worlds.rendering.scene import SceneBuilder, Surface
from semloc_ros.worlds.street.conditions import Condition
from semloc_ros.worlds.street.plan import PlanarObject
from semloc_ros.worlds.street.sides import Side, Span, level
from semloc_ros.worlds.street.site import Site
from semloc_ros.worlds.textures import facades, ground
from semloc_ros.worlds.textures.noise import Size, to_image

_SNOW_DEPTH = 0.05  # metres on tops
_WIND = np.array([-0.8, 0.6, 0.0])  # unit vector to where the snow was blown from
_FEWEST = 24  # texels of the shorter edge of what is drawn


@dataclass(slots=True)
class Works:
    """The street while it is built. `day` tells two traversals in the same condition apart: leaves
    hang otherwise."""

    builder: SceneBuilder
    config: StreetConfig
    condition: Condition
    site: Site
    day: int = 0
    objects: list[PlanarObject] = field(default_factory=list)
    lamps: list[Lamp] = field(default_factory=list)
    _later: list[Callable[[], None]] = field(default_factory=list)
    _plain: dict[tuple[object, ...], Surface] = field(default_factory=dict)

    @property
    def scale(self) -> float:
        """Texels per metre of road and façades."""
        return 1000.0 / self.config.texel_mm

    def rng(self, *name: str | int) -> np.random.Generator:
        """The random stream of this name."""
        return np.random.default_rng([self.config.seed, zlib.crc32(repr(name).encode())])

    def size(self, width: float, height: float, finer: float = 1.0) -> Size:
        """Texels (rows, columns) of an area in metres."""
        scale = finer * self.scale
        return max(4, round(height * scale)), max(4, round(width * scale))

    def weather(
        self, picture: NDArray[np.float32], scale: float, side: Side, *name: str
    ) -> None:
        """What the condition's weather leaves on a wall (H, W, 3) of that side, in place."""
        sky = self.condition
        rng = self.rng("weather", sky.name, *name)
        blown = 0.2 + 0.8 * max(0.0, float(side.out @ _WIND)) if sky.snow else 0.0
        facades.fresh_weather(picture, rng, scale, wet=sky.wet, snow=blown)

    def picture_size(self, width: float, height: float, finer: float) -> Size:
        """Like `size`, but never too few texels to draw letters and frames, in true proportion."""
        scale = max(finer * self.scale, _FEWEST / min(width, height))
        return round(height * scale), round(width * scale)

    def surface(self, image: NDArray[np.floating[Any]], label: int, **about: object) -> Surface:
        """A surface with a texture of its own."""
        return self.builder.add_surface(to_image(image), label=label, **about)

    def plain(
        self, color: Sequence[float], label: int, part: str = "", **about: object
    ) -> Surface:
        """A surface of one slightly uneven colour; equal ones share their texture."""
        key = (tuple(color), label, tuple(sorted(about.items())))
        if key not in self._plain:
            grain = self.rng("plain", *(int(c) for c in color)).normal(1, 0.035, (16, 16, 1))
            self._plain[key] = self.surface(grain * np.asarray(color, float), label, **about)
        return replace(self._plain[key], part=part)

    def later(self, task: Callable[[], None]) -> None:
        """Runs `task` when all else is built: for what only some conditions have."""
        self._later.append(task)

    def finish(self) -> None:
        """Adds what was put off."""
        for task in self._later:
            task()

    def snow_on(
        self, side: Side, u: Span, out: Span, z: float, instance: int, label: int = classes.BUILDING
    ) -> None:
        """In winter, snow on a level top."""
        if self.condition.snow:
            top = z + _SNOW_DEPTH
            self.later(
                lambda: level(self.builder, side, u, out, top, self.snow(label), instance)
            )

    def snow(self, label: int) -> Surface:
        """Fresh snow that carries the label of what it lies on."""
        key = ("snow", label)
        if key not in self._plain:
            picture = ground.snow((64, 64), self.rng("fresh snow"), self.scale)
            self._plain[key] = self.surface(picture, label)
        return self._plain[key]

    def add_object(
        self, side: Side, u: Span, z: Span, out: float, picture: NDArray[np.uint8], label: int,
        glow: float = 0.0,
    ) -> int:  # fmt: skip
        """A picture as planar object of interest, flat in front of the side; gives its instance."""
        instance = self.builder.new_instance()
        number = len(self.objects) + 1
        surface = self.builder.add_surface(picture, label=label, object_id=number, glow=glow)
        corner = side.point(u[0], z[1], out)
        across, down = (u[1] - u[0]) * side.right, np.array([0.0, 0.0, z[0] - z[1]])
        self.builder.add_rectangle(corner, across, down, surface, instance)
        corners: FloatArray = np.array([corner, corner + across, corner + across + down,
                                        corner + down])  # fmt: skip
        self.objects.append(PlanarObject(number, instance, corners, picture))
        return instance
