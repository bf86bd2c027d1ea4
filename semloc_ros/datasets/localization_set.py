"""What a localization benchmark holds: images to build the map from, and images to localize."""

from __future__ import annotations

from dataclasses import dataclass, field

from semloc_ros.types import CameraImage, PosedImage


@dataclass(frozen=True, slots=True)
class LocalizationSet:
    """`mapping` images have poses; so do `queries`, as the truth; those of `hidden` are kept back
    by the benchmark, which judges what is submitted. All poses are in the same map."""

    mapping: list[PosedImage]
    queries: list[PosedImage] = field(default_factory=list)
    hidden: list[CameraImage] = field(default_factory=list)
