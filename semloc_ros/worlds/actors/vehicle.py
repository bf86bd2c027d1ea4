"""What all vehicles have in common: dressed sides, wheels, lamps, snow, lights at night."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from semloc_ros.worlds.actors.shaping import Shape, Sides, all_round, views_of, wheel
from semloc_ros.worlds.rendering.scene import Mesh, Patches, SceneBuilder
from semloc_ros.worlds.textures import vehicles as paint
from semloc_ros.worlds.textures.canvas import Image

_LAMP_GLOW = 1e-6  # marks lamps that `lit` turns on; by day they only mirror light
_SNOW_SLOPE = 0.6  # cosine to the vertical up to which snow lies


@dataclass(frozen=True, slots=True)
class Vehicle:
    """`mesh` on the ground at z = 0, x forward, origin midway between the axles; `reach` x of its
    rear and front end; `width`; `wheelbase`; all metres. `coarse` is the mesh for far away."""

    name: str
    mesh: Mesh
    coarse: Mesh
    reach: tuple[float, float]
    width: float
    wheelbase: float


def dress(
    builder: SceneBuilder, label: int, front: Image, rear: Image, side: Image, top: Image,
    right: Image | None = None,
) -> Sides:  # fmt: skip
    """The surfaces of painted views; below it is dark."""
    names = [front, rear, side, side if right is None else right, top, paint_dark()]
    made = {id(image): builder.add_surface(image, label=label) for image in names}
    return Sides(*[made[id(image)] for image in names])


def paint_dark() -> Image:
    """What is seen under a vehicle."""
    return np.full((4, 4, 3), 14, dtype=np.uint8)


def add_wheels(
    shape: Shape, builder: SceneBuilder, axles: Sequence[float], y: float, radius: float,
    width: float, label: int, rng: np.random.Generator,
) -> None:  # fmt: skip
    """A pair of wheels on each axle, their middles at ±y."""
    rim = builder.add_surface(paint.hub(rng), label=label)
    tread = builder.add_surface(np.full((4, 4, 3), paint.RUBBER, dtype=np.uint8), label=label)
    sides = dataclasses.replace(all_round(tread), left=rim, right=rim)
    for x in axles:
        for middle in (-y, y):
            low = np.array([x - radius, middle - width, 0])
            views = views_of(low, low + [2 * radius, 2 * width, 2 * radius], sides)
            shape.add(wheel([x, middle, radius], radius, width, 12), views)


def add_lamp(
    shape: Shape, builder: SceneBuilder, middle: Sequence[float], width: float, height: float,
    front: bool, label: int,
) -> None:  # fmt: skip
    """A head- or tail light: an upright rectangle that `lit` turns on."""
    color = paint.WHITE_LAMP if front else paint.RED_LAMP
    image = np.full((4, 4, 3), color, dtype=np.uint8)
    add_panel(shape, builder, middle, width, height, image, label, front)


def add_panel(
    shape: Shape, builder: SceneBuilder, middle: Sequence[float], width: float, height: float,
    image: Image, label: int, front: bool = True,
) -> None:  # fmt: skip
    """A picture that shines when `lit`, facing ahead or back."""
    surface = builder.add_surface(image, label=label, glow=_LAMP_GLOW)
    (x, y, z), half_y, half_z = middle, width / 2, height / 2
    low, high = np.array([x, y - half_y, z - half_z]), np.array([x, y + half_y, z + half_z])
    corners = np.array([low, [x, high[1], low[2]], high, [x, low[1], high[2]]])
    if not front:
        corners = corners[::-1]
    views = views_of(low - [0.1, 0, 0], high + [0.1, 0, 0], all_round(surface))
    shape.add(corners[[[0, 1, 2], [0, 2, 3]]], views)


def add_windows(
    shape: Shape, builder: SceneBuilder, low: Sequence[float], high: Sequence[float],
    images: tuple[Image, Image], label: int,
) -> None:  # fmt: skip
    """Rows of windows on the left and right of the box from `low` to `high`, which `lit` lights
    from within."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    for image, y, turn in zip(images, (y1, y0), (1, -1), strict=True):
        surface = builder.add_surface(image, label=label, glow=_LAMP_GLOW)
        corners = np.array([[x1, y, z0], [x0, y, z0], [x0, y, z1], [x1, y, z1]])[::turn]
        shape.add(corners[[[0, 1, 2], [0, 2, 3]]], views_of(low, high, all_round(surface)))


def lit(vehicle: Vehicle, power: float) -> Vehicle:
    """The vehicle with its lamps and signs on."""

    def shine(old: Patches) -> Patches:
        return dataclasses.replace(old, glow=np.where(old.glow > 0, power, 0.0))

    return _each(vehicle, shine)


def unlit(vehicle: Vehicle) -> Vehicle:
    """The vehicle by day."""
    return _each(vehicle, lambda old: dataclasses.replace(old, glow=np.zeros(len(old))))


def snowed(vehicle: Vehicle, builder: SceneBuilder, rng: np.random.Generator) -> Vehicle:
    """The vehicle after a night of snow: all that faces the sky is white."""
    white = builder.add_texture(paint.snow(rng))
    sizes = np.array([image.shape[1::-1] for image in builder.images], dtype=np.float64)

    def whiten(old: Patches) -> Patches:
        upward = old.normals[:, 2] > _SNOW_SLOPE
        scaled = old.texel_axes * (sizes[white] / sizes[old.textures])[:, :, None]
        axes = np.where(upward[:, None, None], scaled, old.texel_axes)
        return dataclasses.replace(
            old, texel_axes=axes, textures=np.where(upward, white, old.textures)
        )

    return _each(vehicle, whiten)


def _each(vehicle: Vehicle, change: Callable[[Patches], Patches]) -> Vehicle:
    """The vehicle with the patches of its meshes changed."""
    fine, coarse = (
        dataclasses.replace(mesh, patches=change(mesh.patches))
        for mesh in (vehicle.mesh, vehicle.coarse)
    )
    return dataclasses.replace(vehicle, mesh=fine, coarse=coarse)
