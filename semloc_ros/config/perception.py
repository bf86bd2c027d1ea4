"""What is made of an image besides its features."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.options import option


@dataclass(frozen=True, slots=True)
class ClusterLabelsConfig:
    """Labels from clusters of hand-made features."""

    stride_px: int = option(4, "width of the cells that get a label", unit="px", low=1, high=64)
    smallest_px: float = option(
        6.0, "blur of the finest features; each next is twice as wide", unit="px", low=1.0,
        high=100.0,
    )
    scales: int = option(3, "how many widths", low=1, high=6)
    color_weight: float = option(
        1.0, "of colour beside the directions of edges", low=0.0, high=100.0
    )
    dimensions: int = option(48, "of the features that are clustered", low=1, high=512)
    cells_per_image: int = option(
        1000, "cells of an image that the clusters are learned from", low=1, high=1_000_000
    )
    rounds: int = option(25, "of k-means", low=1, high=1000)
