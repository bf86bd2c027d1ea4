"""The ground: carriageways with their markings, kerbs, sidewalks, lawns, and the far plain."""

from __future__ import annotations

import numpy as np

from semloc_ros import classes
from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering.scene import Surface
from semloc_ros.worlds.street.plan import SIDEWALK_HEIGHT
from semloc_ros.worlds.street.sides import UP, Side, Span, level
from semloc_ros.worlds.street.site import KERB, LANE, SLOT, ZEBRA, Stretch
from semloc_ros.worlds.street.works import Works
from semloc_ros.worlds.textures import ground
from semloc_ros.worlds.textures.ground import Picture
from semloc_ros.worlds.textures.noise import Field, fractal_noise

_BEND = 5.0  # radius of a kerb round the inside of a bend
_RAIL = 0.72  # metres from the middle of a track
_ARC = 8  # pieces of a round kerb
_GLOSS = 0.75
_SLABS = ((168, 164, 156), (150, 150, 150), (176, 166, 150), (142, 138, 132))


def add_ground(works: Works) -> None:
    """All of it, but for what lies behind the building lines near the street."""
    instance = works.builder.new_instance()
    for k, stretch in enumerate(works.site.stretches()):
        _carriageway(works, stretch, k, instance)
    for k, node in enumerate(works.site.nodes):
        _crossing(works, node, k, instance)
    for k, side in enumerate(works.site.sides(KERB)):
        _sidewalk(works, side, k, instance)
    _plain(works)


def grass(works: Works, width: float, height: float, name: str, coarser: float = 2.0) -> Surface:
    """A lawn in its season."""
    rng, scale = works.rng("lawn", name), works.scale / coarser
    size = works.size(width, height, 1 / coarser)
    color = (118, 120, 62) if works.condition.foliage == "autumn" else (84, 118, 50)
    picture = ground.lawn(size, rng, scale, color)
    wear = works.rng("lawn", name, works.condition.name)
    if works.condition.foliage == "autumn":
        thick = 5 + 4 * fractal_noise(size, wear, 4 * scale, 3)
        ground.strew(picture, wear, scale, np.clip(thick, 0, 14))
    if works.condition.snow:
        cover = ground.snow(size, wear, scale) * ground.footprints(size, wear, scale, 4)[..., None]
        bare = fractal_noise(size, wear, 1.5 * scale, 5, 0.7)
        picture = ground.mix(picture, cover, np.clip(2.4 - bare, 0.0, 1))
    wetness = 0.72 if works.condition.wet else 1.0
    return works.surface(picture * wetness, classes.TERRAIN, part="lawn")


def _carriageway(works: Works, stretch: Stretch, index: int, instance: int) -> None:
    length, width = stretch.length, 2 * KERB
    finer = 1.0 if stretch.ring else 0.5
    rng = works.rng("road", index)
    scale = works.scale * finer
    picture = ground.asphalt(works.size(length, width, finer), rng, scale)
    _paint(picture, rng, scale, stretch)
    if stretch.tram:
        _rails(picture, scale)
    for _ in range(int(length / 14)):
        _manhole(picture, rng, scale, length)
    picture = _weathered(works, picture, scale, f"road {index}", along=True)
    gloss = _GLOSS if works.condition.wet else 0.0
    road = works.surface(picture, classes.ROAD, gloss=gloss, part="carriageway")
    level(works.builder, stretch.side, (0, length), (0, width), 0.0, road, instance)


def _paint(picture: Picture, rng: np.random.Generator, scale: float, stretch: Stretch) -> None:
    """Lane markings, kerb slots, zebras and stop lines; u along, v across from the left kerb."""
    length = stretch.length
    first = ZEBRA[1] + 1.6 if stretch.zebra[0] else 0.0
    last = length - ZEBRA[1] - 1.6 if stretch.zebra[1] else length
    for u in np.arange(first + 2, last - 2, 6.0):
        ground.mark(picture, rng, scale, (u, KERB - 0.06, u + 3.0, KERB + 0.06))
    for u0, u1 in ((first, first + 9), (last - 9, last)):
        ground.mark(picture, rng, scale, (u0, KERB - 0.06, u1, KERB + 0.06))
    for v in (2.15, 2 * KERB - 2.15):
        ground.mark(picture, rng, scale, (first + 4, v - 0.05, last - 4, v + 0.05), wear=0.5)
        for u in np.arange(first + 5, last - 4, SLOT):
            tip = (0.1, v) if v < KERB else (v, 2 * KERB - 0.1)
            ground.mark(picture, rng, scale, (u - 0.05, tip[0], u + 0.05, tip[1]), wear=0.5)
    for k, edge in enumerate((0.0, length)):
        if not stretch.zebra[k]:
            continue
        ends = sorted((abs(edge - ZEBRA[0]), abs(edge - ZEBRA[1])))
        for v in np.arange(0.35, 2 * KERB - 0.4, 1.0):
            ground.mark(picture, rng, scale, (ends[0], v, ends[1], v + 0.5))
        stop = abs(edge - ZEBRA[1] - 1.1)
        half = (0.2, KERB - 0.1) if k == 0 else (KERB + 0.1, 2 * KERB - 0.2)
        ground.mark(picture, rng, scale, (stop - 0.2, half[0], stop + 0.2, half[1]))


def _rails(picture: Picture, scale: float) -> None:
    for middle in (KERB - LANE, KERB + LANE):
        bed = slice(round((middle - 1.05) * scale), round((middle + 1.05) * scale))
        picture[bed] *= np.array([1.18, 1.15, 1.08])
        for rail in (middle - _RAIL, middle + _RAIL):
            row = round(rail * scale)
            picture[row : row + max(1, round(0.06 * scale))] = (150, 148, 146)
            picture[row + max(1, round(0.06 * scale))] = (40, 38, 38)


def _manhole(picture: Picture, rng: np.random.Generator, scale: float, length: float) -> None:
    import cv2

    x, y = rng.uniform(2, length - 2) * scale, rng.uniform(2.6, 2 * KERB - 2.6) * scale
    reach = 0.33 * scale
    cv2.circle(picture, (int(x), int(y)), int(1.25 * reach), (112, 110, 106), -1, cv2.LINE_AA)
    cv2.circle(picture, (int(x), int(y)), int(reach), (58, 56, 56), -1, cv2.LINE_AA)
    for k in range(-2, 3):
        half = int(reach * 0.8 * np.cos(k * 0.45))
        row = int(y + k * reach * 0.33)
        cv2.line(picture, (int(x) - half, row), (int(x) + half, row), (92, 88, 84), 1, cv2.LINE_AA)


def _crossing(works: Works, node: FloatArray, index: int, instance: int) -> None:
    rng, width = works.rng("crossing", index), 2 * KERB
    picture = ground.asphalt(works.size(width, width), rng, works.scale)
    if abs(node[1] + works.site.half[1]) < 1e-6:
        _rails(picture, works.scale)
    picture = _weathered(works, picture, works.scale, f"crossing {index}", along=False)
    gloss = _GLOSS if works.condition.wet else 0.0
    road = works.surface(picture, classes.ROAD, gloss=gloss, part="crossing")
    side = Side(np.array([node[0] - KERB, node[1] + KERB, 0.0]), np.array([1.0, 0, 0]), width)
    level(works.builder, side, (0, width), (0, width), 0.0, road, instance)


def _weathered(works: Works, picture: Picture, scale: float, name: str, *, along: bool) -> Picture:
    """A road with what weather and season leave on it."""
    rng, size, condition = works.rng(name, works.condition.name), picture.shape[:2], works.condition
    if condition.wet:
        puddles = fractal_noise(size, rng, 2.5 * scale, 4, stretch=2.0)
        damp = np.clip(0.52 + 0.06 * puddles, 0.3, 0.65)
        picture = picture * damp[:, :, None] * np.array([0.95, 0.98, 1.06])
    if condition.foliage == "autumn":
        ground.strew(picture, rng, scale, 0.5 + 9 * _near_kerb(size, scale, 0.5))
    if condition.snow:
        cover = ground.snow(size, rng, scale) * np.array([0.93, 0.92, 0.9])
        rough = fractal_noise(size, rng, 0.8 * scale, 5, 0.65, stretch=4.0 if along else 1.0)
        tracks = _tracks(size, scale) if along else np.full(size[0], 0.85, np.float32)
        mask = np.clip(1.05 - tracks[:, None] + 0.22 * rough, 0, 1)
        picture = ground.mix(picture * 0.62, cover, mask)
    return np.asarray(picture, dtype=np.float32)


def _near_kerb(size: tuple[int, int], scale: float, reach: float) -> Field:
    rows = np.arange(size[0]) / scale
    share = np.exp(-rows / reach) + np.exp(-(size[0] / scale - rows) / reach)
    return np.repeat(share[:, None], size[1], axis=1).astype(np.float32)


def _tracks(size: tuple[int, int], scale: float) -> Field:
    """How bare (H,) the wheels have left each line of the road."""
    rows = np.arange(size[0]) / scale - KERB
    bare = np.zeros(size[0])
    for wheel in (LANE - 0.75, LANE + 0.75, -LANE - 0.75, -LANE + 0.75):
        bare += 1.05 * np.exp(-(((rows - wheel) / 0.42) ** 2))
    return np.minimum(bare + 0.35 * (np.abs(rows) < 3.1), 1.1).astype(np.float32)


def _sidewalk(works: Works, side: Side, index: int, instance: int) -> None:
    walk, builder = works.site.walk, works.builder
    start = walk if side.convex[0] else -walk
    end = side.length - walk if side.convex[1] else side.length
    middle = side.point(side.length / 2)[:2]
    near = float(np.max(np.abs(middle) - works.site.half)) < KERB + 1
    slabs = _paved(works, end - start, walk, f"walk {index}", finer=1.0 if near else 0.5)
    level(builder, side, (start, end), (-walk, 0), SIDEWALK_HEIGHT, slabs, instance)
    stone = works.plain((168, 166, 160), classes.SIDEWALK, "kerb")
    ends = [walk if convex else _BEND for convex in side.convex]
    _kerb(works, side.point(ends[0]), side.point(side.length - ends[1]), stone, instance)
    corner = (0.0, walk) if side.convex[0] else (0.0, _BEND)
    out = (-walk, 0.0) if side.convex[0] else (0.0, _BEND)
    _corner(works, side, corner, out, index, stone, instance)


def _corner(
    works: Works, side: Side, u: Span, out: Span, index: int, stone: Surface, instance: int
) -> None:
    """The round corner at the left end of a kerb: round the block, or the inside of a bend."""
    turn = np.linspace(0, np.pi / 2, _ARC + 1)
    wide = u[1] - u[0]
    if side.convex[0]:
        arc = np.stack([1 - np.cos(turn), np.sin(turn)], axis=1)
        start = [[1.0, 0.0]]
        road = ground.asphalt(works.size(wide, wide), works.rng("corner", index), works.scale)
        road = _weathered(works, road, works.scale, f"corner {index}", along=False)
        gloss = _GLOSS if works.condition.wet else 0.0
        below = works.surface(road, classes.ROAD, gloss=gloss, part="crossing")
        level(works.builder, side, u, out, 0.0, below, instance)
    else:
        arc = np.stack([1 - np.sin(turn), 1 - np.cos(turn)], axis=1)
        start = [[0.0, 0.0]]
    slabs = _paved(works, wide, wide, f"corner {index}", finer=0.9)
    works.builder.add_polygon(
        side.point(u[0], SIDEWALK_HEIGHT, out[0]), wide * side.right, wide * side.out,
        np.concatenate([start, arc]), slabs, instance,
    )  # fmt: skip
    points = [side.point(u[0] + a * wide, 0.0, out[0] + b * wide) for a, b in arc]
    middle = side.point(u[1], 0, out[0]) if side.convex[0] else side.point(u[0], 0, out[0])
    for one, two in zip(points, points[1:], strict=False):
        swap = np.cross(-UP, two - one) @ ((one + two) / 2 - middle) < 0
        _kerb(works, two if swap else one, one if swap else two, stone, instance)


def _kerb(
    works: Works, left: FloatArray, right: FloatArray, stone: Surface, instance: int
) -> None:
    works.builder.add_rectangle(
        left + SIDEWALK_HEIGHT * UP, right - left, -SIDEWALK_HEIGHT * UP, stone, instance
    )


def _paved(works: Works, width: float, height: float, name: str, finer: float) -> Surface:
    """Slabs with a kerb stone along their lower edge, unless they are a corner's."""
    rng, scale = works.rng("paving", name), works.scale * finer
    size = works.size(width, height, finer)
    color = _SLABS[int(rng.integers(len(_SLABS)))]
    picture = ground.paving(size, rng, scale, float(rng.choice([0.3, 0.4, 0.5])), color)
    if width != height:
        rim = max(1, round(0.16 * scale))
        picture[-rim:] = np.array([172, 170, 164]) * rng.normal(1, 0.03, (rim, size[1], 1))
        picture[-rim - 1] *= 0.6
        picture[-rim:, :: max(2, round(1.0 * scale))] *= 0.65
    wear, condition = works.rng("paving", name, works.condition.name), works.condition
    if condition.wet:
        damp = 0.62 + 0.07 * fractal_noise(size, wear, 2 * scale, 4)
        picture *= np.clip(damp, 0.4, 0.8)[..., None]
    if condition.foliage == "autumn":
        thick = 7 + 7 * fractal_noise(size, wear, 3 * scale, 4)
        ground.strew(picture, wear, scale, np.clip(thick, 0.3, 26))
    if condition.snow:
        trodden = 1.3 - 0.5 * np.sin(np.linspace(0, np.pi, size[0]))[:, None]
        mask = np.clip(trodden + 0.25 * fractal_noise(size, wear, 0.7 * scale, 5, 0.7), 0.3, 1)
        cover = ground.snow(size, wear, scale) * ground.footprints(size, wear, scale, 7)[..., None]
        picture = ground.mix(picture * 0.75, cover, mask)
    gloss = 0.35 if condition.wet else 0.0
    return works.surface(picture, classes.SIDEWALK, gloss=gloss, part="slabs")


def _plain(works: Works) -> None:
    """The ground to the horizon, and that of the block's inside."""
    far = grass(works, 60, 60, "far", 8.0)
    instance = works.builder.new_instance()
    plain = Side(np.array([-900.0, 900.0, 0.0]), np.array([1.0, 0, 0]), 1800.0)
    level(works.builder, plain, (0, 1800), (0, 1800), -0.06, far, instance)
    x, y = works.site.half - works.site.building_line
    inside = Side(np.array([-x, y, 0.0]), np.array([1.0, 0, 0]), 2 * x)
    yard = grass(works, 2 * x, 2 * y, "yard", 6.0)
    level(works.builder, inside, (0, 2 * x), (0, 2 * y), SIDEWALK_HEIGHT - 0.02, yard, instance)
