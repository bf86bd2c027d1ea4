"""What a network that finds objects and their masks says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from semloc_ros.errors import ModelError, expected
from semloc_ros.networks.about import About, check_choice, check_count, check_normalization

STATIC = "static"
LEAST_SIDE = 64


@dataclass(frozen=True, slots=True)
class InstanceAbout(About):
    """A trained instance network in words.

    `names` of its classes, the first of which is the background; `dynamic` says of each class
    whether it counts as dynamic (of the background: no). Images are brought to `short_side` pixels
    on their shorter side.
    """

    kinds: ClassVar[tuple[str, ...]] = ("instances",)
    gives: ClassVar[str] = "dynamic objects"
    shape_fields: ClassVar[tuple[str, ...]] = ("architecture", "num_classes", "short_side")
    entry_fields: ClassVar[tuple[str, ...]] = ("input", "classes")

    short_side: int
    names: tuple[str, ...] = (STATIC, "dynamic")
    dynamic: tuple[bool, ...] = (False, True)
    _: KW_ONLY
    kind: str = "instances"

    @property
    def num_classes(self) -> int:
        """How many classes there are, the background among them."""
        return len(self.names)

    def check(self) -> None:
        """See `About`."""
        check_choice("kind", self.kind, self.kinds)
        check_count("short_side", self.short_side, LEAST_SIDE)
        check_count("names", len(self.names), 2)
        if len(self.dynamic) != len(self.names):
            wanted = f"one for each of {len(self.names)} classes"
            raise ModelError(expected("dynamic", wanted, len(self.dynamic)))
        if self.dynamic[0] or not any(self.dynamic):
            wanted = "no for the background, and yes for another class"
            raise ModelError(expected("dynamic", wanted, list(self.dynamic)))
        check_normalization(self.normalization)

    def entry(self) -> dict[str, Any]:
        """See `About`."""
        normalization = self.normalization
        return {
            "input": {
                "mean": list(normalization.mean), "std": list(normalization.std),
                "short_side": self.short_side,
            },
            "classes": list(self.names),
        }  # fmt: skip

    @staticmethod
    def summary(entry: Mapping[str, Any]) -> str:
        """See `About`."""
        count = len(entry["classes"]) - 1
        return "dynamic objects" if count == 1 else f"objects of {count} classes"
