"""How masks of dynamic objects are held against the truth."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.options import option


@dataclass(frozen=True, slots=True)
class MaskQualityConfig:
    """What counts as an object that was found."""

    iou: float = option(
        0.5, "least intersection over union of an object that was found", low=0.05, high=1.0
    )
    least_share: float = option(
        0.0005, "objects of a smaller share of the image are not judged", low=0.0, high=0.5
    )
    unsure_share: float = option(
        0.5, "a found object with a larger share on what is not judged is not judged",
        low=0.0, high=1.0,
    )
