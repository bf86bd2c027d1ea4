"""What a network that tells the camera's pose from one image says of itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from semloc_ros.errors import ModelError, expected
from semloc_ros.networks.about import About, check_count, check_normalization

LEAST_SIDE = 64  # pixels: less leaves nothing after the strides of the networks
_AXES, _DEGREES_OF_FREEDOM = 3, 6


@dataclass(frozen=True, slots=True)
class PoseAbout(About):
    """A trained pose network in words.

    Images are brought to `short_side` pixels on their shorter side (0: they stay as they are), and
    a part of `width` x `height` of them goes in; `pose_inputs` does both. What comes out is the
    camera's position in metres from `position_offset`, (3,) in the map, and the quaternion of
    `map_from_camera`. `spread` (6,) is one sigma of its errors on validation images, in the map's
    axes: x y z metres, rotations about x y z radians. `masked` says that it was trained on images
    whose dynamic pixels were masked. `normalization` is that of its training images.
    """

    kinds: ClassVar[tuple[str, ...]] = ("pose",)
    gives: ClassVar[str] = "a pose"
    shape_fields: ClassVar[tuple[str, ...]] = ("architecture",)
    entry_fields: ClassVar[tuple[str, ...]] = ("input", "position_offset", "spread")

    short_side: int
    width: int
    height: int
    position_offset: tuple[float, ...]
    spread: tuple[float, ...]
    masked: bool = False
    _: KW_ONLY
    kind: str = "pose"

    def check(self) -> None:
        """See `About`."""
        if self.kind not in self.kinds:
            raise ModelError(expected("kind", " or ".join(self.kinds), repr(self.kind)))
        check_count("short_side", self.short_side, 0)
        for name in ("width", "height"):
            check_count(name, getattr(self, name), LEAST_SIDE)
        _check_numbers("position_offset", self.position_offset, _AXES)
        _check_numbers("spread", self.spread, _DEGREES_OF_FREEDOM)
        if min(self.spread) <= 0:
            raise ModelError(expected("spread", "numbers above 0", list(self.spread)))
        check_normalization(self.normalization)

    def entry(self) -> dict[str, Any]:
        """See `About`."""
        return {
            "input": {
                "mean": list(self.normalization.mean), "std": list(self.normalization.std),
                "short_side": self.short_side, "width": self.width, "height": self.height,
                "masked": self.masked,
            },
            "position_offset": list(self.position_offset), "spread": list(self.spread),
        }  # fmt: skip

    @staticmethod
    def summary(entry: Mapping[str, Any]) -> str:
        """See `About`."""
        images = "masked images" if entry["input"]["masked"] else "images"
        return f"a pose from {images}, {math.hypot(*entry['spread'][:_AXES]):.2g} m"


def _check_numbers(name: str, values: tuple[float, ...], count: int) -> None:
    if len(values) != count or not all(math.isfinite(one) for one in values):
        raise ModelError(expected(name, f"{count} finite numbers", list(values)))
