"""How objects that were marked in one image are found in the other images of a map."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.options import option


@dataclass(frozen=True, slots=True)
class AnnotationConfig:
    """The propagation of Weinzaepfel et al. (CVPR 2019, section 3.3)."""

    min_matches: int = option(
        7, "points of the map on an object that an image must have seen to be annotated",
        low=4, high=1000,
    )
    max_error_px: float = option(
        3.0, "largest error of a point that agrees with the object's homography", unit="px",
        low=0.1, high=50.0,
    )
    plane_error_px: float = option(
        1.0, "where plane and pose put an object's points within so much of where an image saw "
        "them (median), they say where the object is in it; else its own homography does",
        unit="px", low=0.0, high=50.0,
    )
    min_side_px: float = option(
        8.0, "of objects that an image shows smaller than this nothing is annotated", unit="px",
        low=1.0, high=1000.0,
    )
    seed: int = option(0, "of the sampling", low=0, high=1_000_000)
