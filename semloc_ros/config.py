"""The only place where defaults are written: one frozen dataclass per part of the system.

`options.py` turns these fields into ROS parameters, yaml files and command-line options.
"""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.options import option, section

@dataclass(frozen=True, slots=True)
class FeaturesConfig:
    """Local features (RootSIFT)."""

    max_features: int = option(4000, "strongest features kept per image", low=16, high=100_000)
    contrast_threshold: float = option(
        0.01, "smallest response of a feature", low=0.0, high=1.0
    )


@dataclass(frozen=True, slots=True)
class MatchingConfig:
    """From features to 2D-3D correspondences."""

    ratio: float = option(
        0.85, "largest ratio of best to second-best distance, over different points",
        low=0.1, high=1.0,
    )


@dataclass(frozen=True, slots=True)
class PnpConfig:
    """Absolute pose from correspondences."""

    max_error_px: float = option(
        6.0, "largest reprojection error of an inlier", unit="px", low=0.1, high=100.0
    )
    min_inliers: int = option(15, "fewest inliers of a pose that is believed", low=4, high=10_000)
    max_iterations: int = option(10_000, "RANSAC iterations at most", low=10, high=10_000_000)


@dataclass(frozen=True, slots=True)
class LocalizerConfig:
    """Everything `Localizer.localize` needs besides the map."""

    seed: int = option(0, "seed of every random choice", low=0, high=2**31 - 1)
    features: FeaturesConfig = section(FeaturesConfig)
    matching: MatchingConfig = section(MatchingConfig)
    pnp: PnpConfig = section(PnpConfig)
