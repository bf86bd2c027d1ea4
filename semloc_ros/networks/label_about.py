"""What a segmentation network says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from semloc_ros.errors import ModelError, expected
from semloc_ros.networks.about import About, check_choice, check_count, check_normalization

STRIDES = (1, 2, 4, 8)  # of label maps: whole parts of the networks' own stride
LABEL_STRIDE = 4  # pixels: scores are interpolated from 8 to 4, and the best label repeated


@dataclass(frozen=True, slots=True)
class ModelAbout(About):
    """A trained segmentation network in words.

    `names` of the labels and whether they are `stationary` (buildings, not cars) have one entry
    per label or none. `label_stride` is that of the label maps it makes (pixels).
    """

    kinds: ClassVar[tuple[str, ...]] = ("clusters", "classes")
    gives: ClassVar[str] = "labels"
    shape_fields: ClassVar[tuple[str, ...]] = ("architecture", "num_labels")
    entry_fields: ClassVar[tuple[str, ...]] = ("input", "labels", "classes")

    num_labels: int
    names: tuple[str, ...] = ()
    stationary: tuple[bool, ...] = ()
    label_stride: int = LABEL_STRIDE

    def check(self) -> None:
        """See `About`."""
        check_choice("kind", self.kind, self.kinds)
        check_count("num_labels", self.num_labels)
        if self.label_stride not in STRIDES:
            raise ModelError(expected("label_stride", f"one of {STRIDES}", self.label_stride))
        for name in ("names", "stationary"):
            found = len(getattr(self, name))
            if found not in (0, self.num_labels):
                wanted = f"one per label ({self.num_labels}) or none"
                raise ModelError(expected(name, wanted, found))
        if self.kind == "classes" and not self.names:
            raise ModelError(expected("names", f"one per class ({self.num_labels})", "none"))
        check_normalization(self.normalization)

    def entry(self) -> dict[str, Any]:
        """See `About`."""
        return {
            "input": {
                "mean": list(self.normalization.mean),
                "std": list(self.normalization.std),
                "label_stride": self.label_stride,
            },
            "labels": self.num_labels,
            "classes": list(self.names),
        }

    @staticmethod
    def summary(entry: Mapping[str, Any]) -> str:
        """See `About`."""
        return f"{entry['labels']} {entry['kind']}"
