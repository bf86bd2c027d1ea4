"""Semantic consistency and the particle filter: localization by labels."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.options import option


@dataclass(frozen=True, slots=True)
class LabelsConfig:
    """Which labels of points and pixels are used, and how far they are trusted."""

    least_votes: int = option(2, "views that labelled a point, at least", low=1, high=1000)
    max_entropy_bits: float = option(
        1.0, "largest entropy of a point's label votes", unit="bit", low=0.0, high=16.0
    )
    stationary_ratio: float = option(
        0.2, "learned clusters: least share among matches over share among pixels",
        low=0.0, high=10.0,
    )
    error_rate: float = option(
        0.2, "share of wrong pixel labels where no confusion table was learned",
        low=0.001, high=0.99,
    )
    occluded: float = option(
        0.2, "share of visible points that something else hides", low=0.001, high=0.99
    )
    max_range_factor: float = option(
        1.5, "a point is seen from this much nearer or farther than it was mapped",
        low=1.0, high=100.0,
    )
    max_viewing_angle_deg: float = option(
        60.0, "largest angle to the mean direction from which a point was mapped", unit="deg",
        low=1.0, high=180.0,
    )


@dataclass(frozen=True, slots=True)
class GravityConsistencyConfig:
    """Geometric-semantic match consistency: scores of matches by the poses they allow."""

    angles: int = option(360, "poses tried around a point", low=4, high=10_000)
    finalists: int = option(
        6, "poses of a match, best by a part of the map, that are counted on all of it",
        low=1, high=1000,
    )
    coarse_points: int = option(
        8192, "points of the map that choose them", low=256, high=10_000_000
    )
    stride_px: int = option(
        4, "label maps are looked up on a grid this wide", unit="px", low=1, high=64
    )
    neighbours: int = option(
        10, "views whose heights give that of the camera", low=2, high=1000
    )
    least_height_sigma_m: float = option(
        0.05, "standard deviation of the camera's height, at least", unit="m", low=0.0, high=100.0
    )
    least_elevation_deg: float = option(
        1.0, "rays nearer to the horizon have no distance", unit="deg", low=0.01, high=45.0
    )
    max_distance_m: float = option(
        150.0, "largest distance of a point that is matched", unit="m", low=0.1, high=1e5
    )
