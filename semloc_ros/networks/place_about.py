"""What a network that describes places says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from semloc_ros.config.places_learning import CONTRASTS, POOLINGS
from semloc_ros.errors import ModelError, expected
from semloc_ros.networks.about import About, check_choice, check_count, check_normalization

RGB, LABELS = "rgb", "labels"
INPUTS = (RGB, LABELS)
IMAGE_PLANES = dict(zip(CONTRASTS, (3, 3, 8), strict=True))
LEAST_SIDE = 16  # pixels or cells
_LEAST_SIDES = {"alexnet": 31}  # where less leaves nothing after its poolings


@dataclass(frozen=True, slots=True)
class PlaceAbout(About):
    """A trained place network in words: `planes` planes of `width` x `height` to a descriptor of
    `dimensions` numbers; `place_inputs` makes the planes.

    `input` "rgb", with what `contrast` says is done about light: three planes of the image,
    normalized by `normalization` ("none") or against what is around each pixel ("local"), or
    eight planes of directions of edges ("gradients"). `input` "labels": one plane for each number
    in `kept`, the share of the cell's pixels that have this label, of the `num_labels` labels of
    the label set or model named `labels`.
    """

    kinds: ClassVar[tuple[str, ...]] = ("places",)
    gives: ClassVar[str] = "places"
    shape_fields: ClassVar[tuple[str, ...]] = (
        "architecture", "pooling", "planes", "dimensions",
    )  # fmt: skip
    entry_fields: ClassVar[tuple[str, ...]] = ("input", "pooling", "dimensions")

    pooling: str
    planes: int
    dimensions: int
    input: str
    width: int
    height: int
    contrast: str = "none"
    labels: str = ""
    num_labels: int = 0
    kept: tuple[int, ...] = ()
    _: KW_ONLY
    kind: str = "places"

    def check(self) -> None:
        """See `About`."""
        check_choice("kind", self.kind, self.kinds)
        check_choice("pooling", self.pooling, POOLINGS)
        check_choice("input", self.input, INPUTS)
        check_choice("contrast", self.contrast, CONTRASTS)
        check_count("dimensions", self.dimensions)
        for name in ("width", "height"):
            least = _LEAST_SIDES.get(self.architecture, LEAST_SIDE)
            check_count(name, getattr(self, name), least)
        check_normalization(self.normalization)
        if self.input == LABELS:
            self._check_labels()
        elif self.labels or self.num_labels or self.kept:
            raise ModelError(expected("labels, num_labels and kept", "none for rgb", "some"))
        planes = len(self.kept) if self.input == LABELS else IMAGE_PLANES[self.contrast]
        if self.planes != planes:
            raise ModelError(expected("planes", f"{planes} of {self.input}", self.planes))

    def _check_labels(self) -> None:
        if not self.labels:
            raise ModelError(expected("labels", "the name of a label set or model", "''"))
        check_count("num_labels", self.num_labels)
        ordered = sorted(set(self.kept)) == list(self.kept) and len(self.kept) > 0
        if not ordered or self.kept[0] < 0 or self.kept[-1] >= self.num_labels:
            wanted = f"ascending numbers below {self.num_labels}"
            raise ModelError(expected("kept", wanted, list(self.kept)))

    def entry(self) -> dict[str, Any]:
        """See `About`."""
        given: dict[str, Any] = {"planes": self.input, "width": self.width, "height": self.height}
        if self.input == LABELS:
            given |= {"labels": self.labels, "num_labels": self.num_labels}
            given["kept"] = list(self.kept)
        else:
            given["contrast"] = self.contrast
            given["mean"] = list(self.normalization.mean)
            given["std"] = list(self.normalization.std)
        return {"input": given, "pooling": self.pooling, "dimensions": self.dimensions}

    @staticmethod
    def summary(entry: Mapping[str, Any]) -> str:
        """See `About`."""
        given = entry["input"]
        source = f"labels of {given['labels']}" if given["planes"] == LABELS else given["planes"]
        return f"places from {source}, {entry['dimensions']} numbers"
