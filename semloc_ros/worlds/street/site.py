"""The site: a block with a street around it, side streets, and the lines along them.

The middle lines of the ring are a rectangle of `2 * half`; side streets (arms) leave it at corners
and between them and end in front of a building. Lines of kerbs and of buildings are the borders
of the union of all streets of that width, so corners come out by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import StreetConfig
from semloc_ros.types import FloatArray
from semloc_ros.worlds.street.plan import Lane
from semloc_ros.worlds.street.sides import Side

LANE = 1.65  # metres from the middle of the street to that of a lane
KERB = 5.5  # to the kerb; the outer 2.2 m are for parking
SLOT = 5.7  # length of a kerb slot
ARM = 62.0  # length of a side street
ZEBRA = (1.2, 4.4)  # metres behind the square of a crossing
PARK = 36.0  # width of the park at the west end of the block
Box = tuple[float, float, float, float]  # x0, y0, x1, y1


@dataclass(frozen=True, slots=True)
class Stretch:
    """A street without crossings: middle line from `start` to `end` (2,); `zebra` at its ends;
    `ring` if the drive passes; `tram` if rails lie in it."""

    start: FloatArray
    end: FloatArray
    zebra: tuple[bool, bool]
    ring: bool
    tram: bool

    @property
    def side(self) -> Side:
        """The left kerb line in its direction: u along the stretch, `out` to its right."""
        ahead = (self.end - self.start) / self.length
        left = np.array([-ahead[1], ahead[0]])
        return Side(
            np.append(self.start + KERB * left, 0.0), np.append(ahead, 0.0), self.length
        )

    @property
    def length(self) -> float:
        """Metres."""
        return float(np.linalg.norm(self.end - self.start))


@dataclass(frozen=True, slots=True)
class Site:
    """`half` (2,) of the ring's rectangle; `walk` width of a sidewalk; `nodes` (N, 2) middles of
    crossings and bends; `arms` (start, end) of side streets."""

    half: FloatArray
    walk: float
    nodes: FloatArray
    arms: tuple[tuple[FloatArray, FloatArray], ...]

    @property
    def building_line(self) -> float:
        """Metres from the middle of a street to the line of its buildings."""
        return KERB + self.walk

    def corners(self, outward: float) -> FloatArray:
        """The ring (4, 2), counter-clockwise from the south-west, `outward` of its middle."""
        x, y = self.half + outward
        return np.array([[-x, -y], [x, -y], [x, y], [-x, y]])

    def sides(self, width: float) -> list[Side]:
        """The borders of all streets of this half width."""
        return _borders([_band(a, b, width) for a, b in self._streets()])

    def stretches(self) -> list[Stretch]:
        """All streets between the squares of the nodes."""
        found = []
        for k, (start, end) in enumerate(self._streets()):
            ahead = (end - start) / np.linalg.norm(end - start)
            along = (self.nodes - start) @ ahead
            off = np.abs((self.nodes - start) @ [ahead[1], -ahead[0]])
            stops = [float(s) for s in np.sort(along[off < 1e-6]) if s > -1e-6]
            if k >= 4:
                stops.append(float(np.linalg.norm(end - start)) + 2 * KERB)
            for a, b in zip(stops, stops[1:], strict=False):
                open_end = k >= 4 and b == stops[-1]
                tram = abs(start[1] + self.half[1]) < 1e-6 and abs(ahead[1]) < 1e-6
                found.append(
                    Stretch(
                        start + (a + KERB) * ahead, start + (b - KERB) * ahead,
                        (True, not open_end), k < 4, bool(tram),
                    )
                )  # fmt: skip
        return found

    def lanes(self) -> tuple[Lane, ...]:
        """The drive's lane, the one against it, bicycles, the tram going west, and ways between
        side streets."""
        y, reach = self.half[1], self.half[0] + ARM + 20
        tram = np.array([[reach, -y + LANE], [-reach, -y + LANE]])
        return (
            Lane(self.corners(LANE), True, "car"),
            Lane(self.corners(-LANE)[::-1], True, "car"),
            Lane(self.corners(KERB - 2.6), True, "bike"),
            Lane(tram, False, "tram"),
            *(Lane(_right_of(way, LANE), False, "car") for way in self._ways()),
        )

    def _ways(self) -> list[FloatArray]:
        """Middle lines (N, 2) of the ways of those who come out of a side street into another."""
        south_west, _, north_east, _, south, west = self.nodes
        ends = [end for _, end in self.arms]
        return [
            np.stack(corners)
            for corners in (
                (ends[2], north_east, ends[3]),
                (ends[3], north_east, ends[2]),
                (ends[5], west, south_west, ends[1]),
                (ends[0], south, ends[4]),
                (ends[4], south, south_west, west, ends[5]),
            )
        ]

    def walks(self) -> tuple[FloatArray, ...]:
        """Lines along the sidewalks, then those over the crossings."""
        lines = [
            np.stack([side.point(0, 0, -1.4)[:2], side.point(side.length, 0, -1.4)[:2]])
            for side in self.sides(KERB)
        ]
        for stretch in self.stretches():
            middle = sum(ZEBRA) / 2
            for k, at in enumerate((middle, stretch.length - middle)):
                if stretch.zebra[k]:
                    ends = [stretch.side.point(at, 0, out)[:2] for out in (-1.4, 2 * KERB + 1.4)]
                    lines.append(np.stack(ends))
        return tuple(lines)

    def slots(self, side: Side) -> list[float]:
        """Middles u of the kerb slots along a kerb line."""
        start, end = ZEBRA[1] + self.walk + 4.0, side.length - ZEBRA[1] - self.walk - 4.0
        blocked = [self._along(side, node) for node in self.nodes]
        wanted = np.arange(start + SLOT / 2, end - SLOT / 2, SLOT)
        return [
            float(u) for u in wanted
            if all(s is None or abs(s - u) > KERB + ZEBRA[1] + SLOT / 2 + 1 for s in blocked)
        ]  # fmt: skip

    def parking(self) -> FloatArray:
        """x, y, heading (K, 3) of all slots."""
        rows = []
        for side in self.sides(KERB):
            for u in self.slots(side):
                rows.append([*side.point(u, 0, 1.1)[:2], side.heading])
        return np.array(rows)

    def _along(self, side: Side, node: FloatArray) -> float | None:
        """Where a node lies along the street next to the side, or None."""
        shift = np.append(node, 0.0) - side.origin
        return float(shift @ side.right) if abs(shift @ side.out - KERB) < 0.1 else None

    def _streets(self) -> list[tuple[FloatArray, FloatArray]]:
        ring = self.corners(0.0)
        return [(ring[k], ring[(k + 1) % 4]) for k in range(4)] + list(self.arms)


def make_site(config: StreetConfig) -> Site:
    """The site of a configuration: six side streets, one bend without any."""
    x, y = config.loop_m / 4 * np.array([0.6, 0.4])
    starts = [(-x, -y), (x, -y), (x, y), (x, y), (-0.16 * x, -y), (-x, 0.1 * y)]
    ways = [(-1, 0), (1, 0), (0, 1), (1, 0), (0, -1), (-1, 0)]
    arms = tuple(
        (np.array(start), np.array(start) + ARM * np.array(way, dtype=float))
        for start, way in zip(starts, ways, strict=True)
    )
    nodes = np.array([(-x, -y), (x, -y), (x, y), (-x, y), *starts[4:]])
    return Site(np.array([x, y]), config.sidewalk_m, nodes, arms)


def _right_of(line: FloatArray, distance: float) -> FloatArray:
    """The line (N, 2) of right angles, `distance` to its right."""
    ahead = np.diff(line, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    right = np.stack([ahead[:, 1], -ahead[:, 0]], axis=1)
    shifts = np.concatenate([right[:1], right[1:] + right[:-1], right[-1:]])
    shifted: FloatArray = line + distance * shifts
    return shifted


def _band(start: FloatArray, end: FloatArray, width: float) -> Box:
    low, high = np.minimum(start, end) - width, np.maximum(start, end) + width
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _borders(bands: Sequence[Box]) -> list[Side]:
    """The border of a union of boxes: one side per straight run, seen from inside."""
    xs, ys = (np.unique(np.round([b[k] for b in bands for k in ks], 6)) for ks in ((0, 2), (1, 3)))
    middle_x, middle_y = (xs[1:] + xs[:-1]) / 2, (ys[1:] + ys[:-1]) / 2
    inside = np.zeros((len(xs) + 1, len(ys) + 1), dtype=bool)  # with a rim of cells outside
    for x0, y0, x1, y1 in bands:
        covered = np.outer((middle_x > x0) & (middle_x < x1), (middle_y > y0) & (middle_y < y1))
        inside[1:-1, 1:-1] |= covered
    sides = []
    for flip, cells, across, along in ((False, inside, xs, ys), (True, inside.T, ys, xs)):
        for i, at in enumerate(across):
            for sign in (1, -1):
                edge = cells[i + (sign > 0)] & ~cells[i + (sign < 0)]
                for j, k in _runs(edge):
                    low, high = along[j - 1], along[k - 1]
                    sides.append(_run_side(float(at), float(low), float(high), sign, flip, inside,
                                           xs, ys))  # fmt: skip
    return sides


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Begin and end of every run of True."""
    steps = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    return [(int(a), int(b)) for a, b in zip(np.flatnonzero(steps > 0), np.flatnonzero(steps < 0),
                                             strict=True)]  # fmt: skip


def _run_side(
    at: float, low: float, high: float, sign: int, flip: bool, inside: NDArray[np.bool_],
    xs: FloatArray, ys: FloatArray,
) -> Side:  # fmt: skip
    """The side on the line x = `at` (y = `at` if `flip`) whose street lies at `sign`."""
    out = np.array([0.0, sign] if flip else [sign, 0.0])
    right = np.array([-out[1], out[0]])
    ends = np.array([[low, at], [high, at]] if flip else [[at, low], [at, high]])
    left, far = ends[np.argsort(ends @ right)]
    behind = [left - 0.01 * right - 0.01 * out, far + 0.01 * right - 0.01 * out]
    convex = [bool(inside[np.searchsorted(xs, p[0]), np.searchsorted(ys, p[1])]) for p in behind]
    return Side(np.append(left, 0.0), np.append(right, 0.0), high - low, (convex[0], convex[1]))
