"""What a network that finds objects of interest and their dense matches says of itself."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from semloc_ros.config.object_learning import OBJECT_ARCHITECTURES, OBJECT_HEADS
from semloc_ros.errors import ModelError, expected
from semloc_ros.networks.about import About, check_choice, check_count, check_normalization

LEAST_SIDE = 64  # pixels
_POINTS = "points3d"


@dataclass(frozen=True, slots=True)
class ObjectAbout(About):
    """A trained network of objects in words.

    `names` of its objects as the map has them, the first of which is label 1: the background has
    no name. `head` says how matches are made: `dense` regresses (u, v), `homography` its eight
    parameters, `points3d` the point of the map, (3,) `offset` + `scale` * what comes out, metres.
    Images are brought to `short_side` pixels on their shorter side. `residual`: what a dense head
    gives is added to where in its box a cell lies.
    """

    kinds: ClassVar[tuple[str, ...]] = ("objects",)
    gives: ClassVar[str] = "objects of interest"
    shape_fields: ClassVar[tuple[str, ...]] = (
        "architecture", "head", "num_objects", "short_side", "residual",
    )  # fmt: skip
    entry_fields: ClassVar[tuple[str, ...]] = ("input", "head", "objects")

    head: str
    short_side: int
    names: tuple[str, ...]
    offset: tuple[float, ...] = (0.0, 0.0, 0.0)
    scale: float = 1.0
    residual: bool = True
    _: KW_ONLY
    kind: str = "objects"

    @property
    def num_objects(self) -> int:
        """How many objects there are, |O|."""
        return len(self.names)

    def check(self) -> None:
        """See `About`."""
        check_choice("kind", self.kind, self.kinds)
        check_choice("architecture", self.architecture, OBJECT_ARCHITECTURES)
        check_choice("head", self.head, OBJECT_HEADS)
        check_count("short_side", self.short_side, LEAST_SIDE)
        check_count("names", len(self.names))
        counts = Counter(self.names)
        twice = [one for one, count in counts.items() if count > 1 or not one]
        if twice:
            raise ModelError(expected("names", "each object once, by a name", repr(twice[0])))
        if len(self.offset) != 3 or not all(math.isfinite(one) for one in self.offset):
            raise ModelError(expected("offset", "three finite numbers", list(self.offset)))
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise ModelError(expected("scale", "a number above 0", self.scale))
        check_normalization(self.normalization)

    def entry(self) -> dict[str, Any]:
        """See `About`."""
        normalization = self.normalization
        return {
            "input": {
                "mean": list(normalization.mean), "std": list(normalization.std),
                "short_side": self.short_side,
            },
            "head": self.head, "objects": list(self.names),
        }  # fmt: skip

    @staticmethod
    def summary(entry: Mapping[str, Any]) -> str:
        """See `About`."""
        of = "map points" if entry["head"] == _POINTS else "matches"
        count = len(entry["objects"])
        return f"{of} of {count} object{'s' if count != 1 else ''}"
