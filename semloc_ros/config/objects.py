"""What is made of objects of interest in the pose."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.options import option


@dataclass(frozen=True, slots=True)
class ObjectsConfig:
    """The pose from the matches of planar objects, alone or beside features."""

    use: bool = option(True, "ask objects, where they come")
    points: int = option(
        60, "matches of one find that are looked at, drawn from all", low=8, high=100_000
    )
    independent: int = option(
        4, "of the matches of one find at most so many count as independent witnesses, for the "
        "covariance and as inliers: a network errs alike over whole parts of an object, and where "
        "these are a third of it or more, all matches together tell no more than four corners do",
        low=4, high=100_000,
    )
    min_matches: int = option(12, "fewest matches of a find", low=4, high=100_000)
    min_share: float = option(
        0.5, "least share of the matches of a find that fit a pose it supports", low=0.1, high=1.0
    )
    max_error_px: float = option(
        6.0, "largest reprojection error of an inlier, or three times what the matches are said to "
        "err by, if that is more", unit="px", low=0.1, high=100.0,
    )
    max_error_share: float = option(
        0.15, "but no larger, if it is more than max_error_px, than this share of the find's "
        "diagonal: what fits everywhere says nothing", low=0.01, high=1.0,
    )
    min_sigma_px: float = option(
        0.5, "least error that is believed of a match", unit="px", low=0.01, high=100.0
    )
    max_iterations: int = option(
        1000, "RANSAC iterations at most, for each choice of instances", low=10, high=1_000_000
    )
    max_hypotheses: int = option(
        64, "poses of single finds that are tried, those of the finds with most matches first",
        low=1, high=10_000,
    )
    contested_s: float = option(
        1.0, "objects that contradict the features of a tracked camera, as if they had been moved, "
        "are asked again where else it could be after this time", unit="s", low=0.0, high=3600.0,
    )
    ambiguous_chi2: float = option(
        9.0, "by so much must the best pose fit better than any other (twice the logarithm of "
        "their odds)", low=0.0, high=1000.0,
    )
