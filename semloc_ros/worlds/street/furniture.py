"""What stands on the sidewalks: lamps, trees, signs, traffic lights, bins, benches, shelters."""

from __future__ import annotations

import numpy as np

from semloc_ros import classes
from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering.lighting import Lamp
from semloc_ros.worlds.rendering.scene import Surface
from semloc_ros.worlds.street.plan import SIDEWALK_HEIGHT
from semloc_ros.worlds.street.sides import Side, bar, box, level, rectangle
from semloc_ros.worlds.street.site import KERB, SLOT, ZEBRA
from semloc_ros.worlds.street.trees import Forester
from semloc_ros.worlds.street.works import Works
from semloc_ros.worlds.textures import ground, signs

_BASE = SIDEWALK_HEIGHT
_BEHIND = -0.55  # metres from the kerb to what stands along it
_LAMP_POWER = 62.0
_IRON, _STEEL, _GREEN = (66, 74, 72), (142, 144, 146), (52, 80, 62)


def add_furniture(works: Works, forester: Forester) -> None:
    """Everything along the kerbs."""
    for k, side in enumerate(works.site.sides(KERB)):
        if side.length < 2 * KERB + 1:
            continue
        rng = works.rng("furniture", k)
        _along(works, forester, side, rng)
        _corner(works, side, k, rng)


def _along(works: Works, forester: Forester, side: Side, rng: np.random.Generator) -> None:
    """Trees, lamps and small things between the kerb slots of one side."""
    lined = rng.uniform() < 0.85 * works.config.trees
    phase = int(rng.integers(3))
    for k, middle in enumerate(works.site.slots(side)):
        u = middle - SLOT / 2
        kind = (k + phase) % 3
        if kind == 0:
            _street_lamp(works, side, u)
        elif lined and kind == 1:
            _street_tree(works, forester, side, u, rng)
        if rng.uniform() < 0.5:
            thing = int(rng.choice(7, p=[0.2, 0.18, 0.1, 0.12, 0.12, 0.16, 0.12]))
            place = u + SLOT * rng.uniform(0.35, 0.6)
            _thing(works, side, place, thing, rng)


def _thing(works: Works, side: Side, u: float, kind: int, rng: np.random.Generator) -> None:
    if kind == 0:
        sign = str(rng.choice(["no", "parking", "limit", "oneway"]))
        _sign(works, side, u, [sign] + (["parking"] if rng.uniform() < 0.3 else []), rng)
    elif kind == 1:
        _bin(works, side, u)
    elif kind == 2:
        add_bench(works, side, u, _BEHIND - 0.4)
    elif kind == 3:
        _stand(works, side, u, rng)
    elif kind == 4:
        _cabinet(works, side, u, rng)
    elif kind == 5:
        for k in range(4):
            _bollard(works, side, u + 1.2 * (k - 1.5))
    else:
        _shelter(works, side, u, rng)


def _corner(works: Works, side: Side, index: int, rng: np.random.Generator) -> None:
    """Traffic lights or signs where the traffic of this side meets a crossing."""
    if not side.convex[0]:
        return
    _street_lamp(works, side, works.site.walk + 2.6)
    at = ZEBRA[1] + 0.7
    node = side.point(-KERB, 0, KERB)[:2]
    x, y = works.site.half
    if abs(abs(node[0]) - x) < 0.1 and abs(abs(node[1]) - y) < 0.1 and index % 5:
        _signal(works, side, max(at, works.site.walk + 0.3), rng)
        _sign(works, side, works.site.walk + 0.2, ["name"], rng)
    else:
        right_of_way = [str(rng.choice(["stop", "yield"]))]
        kinds = ["crossing", "name"] if rng.uniform() < 0.5 else right_of_way
        _sign(works, side, at + 0.4, kinds, rng)


def _street_tree(
    works: Works, forester: Forester, side: Side, u: float, rng: np.random.Generator
) -> None:
    foot = side.point(u, _BASE, _BEHIND - 0.25)
    instance = forester.plant(foot, float(rng.uniform(6.0, 9.5)))
    earth = ground.asphalt(works.size(1.2, 1.2), rng, works.scale) * np.array([1.0, 0.82, 0.64])
    if works.condition.snow:
        earth = earth * 0.4 + 136
    pit = works.surface(earth, classes.TERRAIN, part="tree pit")
    across, out = (u - 0.6, u + 0.6), (_BEHIND - 0.85, _BEHIND + 0.3)
    level(works.builder, side, across, out, _BASE + 0.006, pit, instance)


def _street_lamp(works: Works, side: Side, u: float) -> None:
    """A pole with an arm over the carriageway."""
    instance, iron = works.builder.new_instance(), works.plain(_IRON, classes.POLE, "lamp")
    foot, top = side.point(u, _BASE, _BEHIND), side.point(u, 6.3, _BEHIND)
    bar(works.builder, foot, foot + [0, 0, 0.9], (0.11, 0.1), iron, instance, 8)
    bar(works.builder, foot + [0, 0, 0.9], top, (0.075, 0.05), iron, instance, 8)
    tip = side.point(u, 6.75, 1.2)
    bar(works.builder, top, tip, (0.045, 0.035), iron, instance, 5)
    head, under = (1.0, 1.75), (6.68, 6.82)
    box(works.builder, side, (u - 0.14, u + 0.14), head, under, iron, instance, faces="flrtk")
    lit = works.condition.lamps_on
    glass = works.plain((255, 226, 170) if lit else (190, 190, 184), classes.POLE,
                        "lamp head", glow=1.3 if lit else 0.0)  # fmt: skip
    box(works.builder, side, (u - 0.13, u + 0.13), (1.03, 1.72), (6.67, 6.8), glass, instance,
        faces="bflr")  # fmt: skip
    works.snow_on(side, (u - 0.14, u + 0.14), head, under[1], instance, classes.POLE)
    if lit:
        x, y, z = side.point(u, 6.45, 1.4)
        works.lamps.append(Lamp((float(x), float(y), float(z)), _LAMP_POWER))


def _pole(works: Works, side: Side, u: float, top: float, instance: int) -> None:
    steel = works.plain(_STEEL, classes.POLE, "post")
    bar(works.builder, side.point(u, _BASE, _BEHIND), side.point(u, top, _BEHIND), (0.035, 0.035),
        steel, instance, 6)  # fmt: skip


def _sign(
    works: Works, side: Side, u: float, kinds: list[str], rng: np.random.Generator
) -> None:
    """Panels on a pole, facing the traffic of this side."""
    builder, instance = works.builder, works.builder.new_instance()
    top = 2.3 + 0.72 * len(kinds)
    _pole(works, side, u, top, instance)
    for k, kind in enumerate(kinds):
        wide, tall = (1.1, 0.28) if kind == "name" else (0.64, 0.64)
        picture = signs.traffic(kind, works.picture_size(wide, tall, 2.5), rng)
        front = works.builder.add_surface(picture, label=classes.TRAFFIC_SIGN, part=kind)
        back = works.plain((140, 142, 144), classes.TRAFFIC_SIGN, "back")
        outline, high = _outline(kind), top - 0.04 - 0.72 * k
        for left, surface in ((False, front), (True, back)):
            start = _BEHIND + (wide / 2 if not left else -wide / 2)
            face = side.turned(u + (-0.045 if left else 0.045), start, wide, left=left)
            builder.add_polygon(face.point(0, high), wide * face.right,
                                np.array([0, 0, -tall]), outline, surface, instance)  # fmt: skip


def _outline(kind: str) -> FloatArray:
    """Corners of a traffic sign in shares of its square."""
    corners = {"limit": 16, "no": 16, "stop": 8}.get(kind, 4)
    if kind == "yield":
        return np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.86]])
    if corners == 4:
        return np.array([[0.0, 0.0], [1, 0], [1, 1], [0, 1]])
    turn = np.linspace(0, 2 * np.pi, corners + 1)[:-1] + np.pi / corners
    return 0.5 + 0.5 * np.stack([np.cos(turn), np.sin(turn)], axis=1)


def _signal(works: Works, side: Side, u: float, rng: np.random.Generator) -> None:
    """A traffic light; what shows is drawn once and is the same in all conditions."""
    builder, instance = works.builder, works.builder.new_instance()
    _pole(works, side, u, 3.6, instance)
    casing = works.plain((30, 32, 32), classes.TRAFFIC_LIGHT, "casing")
    shows = int(rng.choice([0, 2]))
    high, out = 3.5, _BEHIND
    flank = (out - 0.16, out + 0.16)
    box(builder, side, (u + 0.05, u + 0.3), flank, (high - 0.95, high), casing, instance,
        faces="fklrtb")  # fmt: skip
    works.snow_on(side, (u + 0.05, u + 0.3), flank, high, instance, classes.TRAFFIC_LIGHT)
    face = side.turned(u + 0.31, out + 0.11, 0.22, left=False)
    for k, color in enumerate(((255, 40, 30), (255, 190, 40), (60, 255, 130))):
        on = k == shows
        tone = np.array(color) * (1.0 if on else 0.22)
        lens = works.plain(tuple(tone), classes.TRAFFIC_LIGHT, "lens", glow=0.9 if on else 0.0)
        middle = high - 0.18 - 0.3 * k
        corner, down = face.point(0, middle + 0.11), np.array([0, 0, -0.22])
        across = 0.22 * face.right
        builder.add_polygon(corner, across, down, _outline("limit"), lens, instance)


def _bin(works: Works, side: Side, u: float) -> None:
    instance, green = works.builder.new_instance(), works.plain(_GREEN, classes.UNKNOWN, "bin")
    foot, out = side.point(u, _BASE, _BEHIND), (_BEHIND - 0.2, _BEHIND + 0.2)
    bar(works.builder, foot, foot + [0, 0, 0.85], (0.2, 0.24), green, instance, 8)
    dark = works.plain((24, 26, 26), classes.UNKNOWN, "bin")
    level(works.builder, side, (u - 0.2, u + 0.2), out, _BASE + 0.85, dark, instance)
    works.snow_on(side, (u - 0.2, u + 0.2), out, _BASE + 0.85, instance, classes.UNKNOWN)


def add_bench(works: Works, side: Side, u: float, out: float) -> None:
    """A bench whose back stands at `out`, facing the street."""
    builder, instance = works.builder, works.builder.new_instance()
    wood, iron = (works.plain(c, classes.UNKNOWN, "bench") for c in ((128, 88, 52), _IRON))
    whole = (u - 0.85, u + 0.85)
    for k in range(3):
        plank = (out + 0.06 + 0.15 * k, out + 0.18 + 0.15 * k)
        box(builder, side, whole, plank, (_BASE + 0.41, _BASE + 0.45), wood, instance)
        works.snow_on(side, whole, plank, _BASE + 0.45, instance, classes.UNKNOWN)
    for k in range(2):
        back = (_BASE + 0.58 + 0.17 * k, _BASE + 0.7 + 0.17 * k)
        box(builder, side, whole, (out, out + 0.04), back, wood, instance, faces="fklrt")
    for at in (u - 0.7, u + 0.66):
        leg, low, high = (at, at + 0.05), (_BASE, _BASE + 0.41), (_BASE, _BASE + 0.9)
        box(builder, side, leg, (out, out + 0.45), low, iron, instance)
        box(builder, side, leg, (out - 0.03, out), high, iron, instance, faces="fklrt")


def _stand(works: Works, side: Side, u: float, rng: np.random.Generator) -> None:
    """A poster in a frame on both sides, at right angles to the street."""
    instance = works.builder.new_instance()
    frame = works.plain((60, 64, 66), classes.UNKNOWN, "stand")
    out = (_BEHIND - 1.3, _BEHIND - 0.02)
    box(works.builder, side, (u - 0.1, u + 0.1), out, (_BASE + 0.3, _BASE + 2.35), frame, instance,
        faces="fklrtb")  # fmt: skip
    works.snow_on(side, (u - 0.1, u + 0.1), out, _BASE + 2.35, instance, classes.UNKNOWN)
    foot, low = (out[0] + 0.3, out[1] - 0.3), (_BASE, _BASE + 0.3)
    box(works.builder, side, (u - 0.07, u + 0.07), foot, low, frame, instance, faces="fklr")
    glow = 0.7 if works.condition.lamps_on else 0.0
    for left in (True, False):
        start = out[0] + 0.06 if left else out[1] - 0.06
        face = side.turned(u - 0.1 if left else u + 0.1, start, 1.16, left=left)
        picture = signs.poster(works.picture_size(1.16, 1.75, 2.2), rng, len(works.objects))
        works.add_object(face, (0, 1.16), (_BASE + 0.45, _BASE + 2.2), 0.012, picture,
                         classes.UNKNOWN, glow)  # fmt: skip


def _cabinet(works: Works, side: Side, u: float, rng: np.random.Generator) -> None:
    """A grey box of the telephone or the lamps, with stickers."""
    size = works.picture_size(0.9, 1.15, 1.5)
    picture = np.ones((*size, 3), np.float32) * np.array([132, 138, 132])
    picture[:, size[1] // 2] *= 0.5
    for _ in range(int(rng.integers(2, 7))):
        y, x = (rng.uniform(0.05, 0.75, 2) * size).astype(int)
        high, wide = rng.integers(4, max(6, size[0] // 6), 2)
        picture[y : y + high, x : x + wide] = rng.uniform(20, 255, 3)
    grey = works.surface(picture, classes.UNKNOWN, part="cabinet")
    instance = works.builder.new_instance()
    out = (-works.site.walk + 0.05, -works.site.walk + 0.42)
    box(works.builder, side, (u - 0.45, u + 0.45), out, (_BASE, _BASE + 1.2), grey, instance)
    works.snow_on(side, (u - 0.45, u + 0.45), out, _BASE + 1.2, instance, classes.UNKNOWN)


def _bollard(works: Works, side: Side, u: float) -> None:
    instance, iron = works.builder.new_instance(), works.plain(_IRON, classes.POLE, "bollard")
    foot = side.point(u, _BASE, -0.3)
    bar(works.builder, foot, foot + [0, 0, 0.9], (0.06, 0.055), iron, instance, 6)
    band = works.plain((214, 210, 200), classes.POLE, "bollard")
    bar(works.builder, foot + [0, 0, 0.68], foot + [0, 0, 0.8], (0.062, 0.062), band, instance, 6)


def _shelter(works: Works, side: Side, u: float, rng: np.random.Generator) -> None:
    """A shelter of a bus stop: posts, a roof, a glass back, a bench, a poster at its end."""
    builder, instance = works.builder, works.builder.new_instance()
    steel = works.plain((70, 76, 80), classes.BUILDING, "shelter")
    u0, u1, back, front = u - 1.7, u + 1.7, -2.1, -0.75
    for at in (u0, u1 - 0.08):
        for out in (back, front):
            box(builder, side, (at, at + 0.08), (out, out + 0.08), (_BASE, 2.5), steel, instance,
                faces="fklr")  # fmt: skip
    box(builder, side, (u0 - 0.15, u1 + 0.15), (back - 0.1, front + 0.3), (2.5, 2.62), steel,
        instance)  # fmt: skip
    works.snow_on(side, (u0 - 0.15, u1 + 0.15), (back - 0.1, front + 0.3), 2.62, instance)
    for z in (0.45, 1.35, 2.4):
        box(builder, side, (u0, u1), (back, back + 0.05), (z, z + 0.06), steel, instance,
            faces="fkt")  # fmt: skip
    yellow: Surface = works.plain((226, 178, 30), classes.TRAFFIC_SIGN, "stop band")
    sign = builder.new_instance()
    rectangle(builder, side, (u0, u1), (2.505, 2.615), front + 0.305, yellow, sign)
    add_bench(works, side, u + 0.4, back + 0.1)
    face = side.turned(u0 + 0.1, front, 1.2, left=False)
    picture = signs.poster(works.picture_size(1.2, 1.8, 2.2), rng, len(works.objects))
    glow = 0.7 if works.condition.lamps_on else 0.0
    works.add_object(face, (0.08, 1.28), (0.5, 2.3), 0.0, picture, classes.UNKNOWN, glow)
    far = works.plain((66, 70, 74), classes.UNKNOWN, "stand")
    other = side.turned(u0 + 0.05, front - 1.3, 1.3, left=True)
    rectangle(builder, other, (0.0, 1.3), (0.45, 2.35), 0.0, far, instance)
