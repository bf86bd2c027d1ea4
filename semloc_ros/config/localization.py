"""Features, matching, pose and gate: what `Localizer` needs besides the map."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.config.filter import FilterConfig, GravityConsistencyConfig
from semloc_ros.config.objects import ObjectsConfig
from semloc_ros.options import option, section

METHODS = ("pnp", "ssmc", "gsmc", "pfsl", "auto")


@dataclass(frozen=True, slots=True)
class FeaturesConfig:
    """Local features (RootSIFT)."""

    max_features: int = option(4000, "strongest features kept per image", low=16, high=100_000)
    contrast_threshold: float = option(
        0.005, "smallest response of a feature", low=0.0, high=1.0
    )


@dataclass(frozen=True, slots=True)
class MatchingConfig:
    """From features to 2D-3D correspondences."""

    ratio: float = option(
        0.85, "largest ratio of best to second-best distance, over different points",
        low=0.1, high=1.0,
    )
    guided_ratio: float = option(
        0.9, "the same where a pose predicts the pixel and so leaves few rivals",
        low=0.1, high=1.0,
    )
    labelled_ratio: float = option(
        0.9, "the same where labels sort out what the ratio lets through", low=0.1, high=1.0
    )
    voting_features: int = option(
        400, "features that vote for the views to be matched", low=10, high=100_000
    )
    candidate_views: int = option(
        20, "views with most votes whose points are matched", low=1, high=10_000
    )
    max_window_px: float = option(
        120.0, "largest radius of the search around a predicted pixel", unit="px",
        low=2.0, high=5000.0,
    )
    max_viewing_angle_deg: float = option(
        60.0, "largest angle to the mean direction from which a point was seen", unit="deg",
        low=1.0, high=180.0,
    )
    max_range_factor: float = option(
        2.0, "a point is sought from this much nearer or farther than it was seen",
        low=1.0, high=100.0,
    )


@dataclass(frozen=True, slots=True)
class PnpConfig:
    """Absolute pose from correspondences."""

    max_error_px: float = option(
        6.0, "largest reprojection error of an inlier", unit="px", low=0.1, high=100.0
    )
    min_inliers: int = option(15, "fewest inliers of a pose that is believed", low=4, high=10_000)
    min_labelled_inliers: int = option(
        10, "the same before refinement, of matches that labels were asked about (ssmc, gsmc)",
        low=4, high=10_000,
    )
    max_iterations: int = option(10_000, "RANSAC iterations at most", low=10, high=10_000_000)


@dataclass(frozen=True, slots=True)
class CovarianceConfig:
    """How sure a pose is."""

    cells: int = option(
        8, "cells across the image within which errors may be alike", low=2, high=64
    )
    error_correlation: float = option(
        0.002, "correlation of the errors of two inliers in one cell, at least", low=0.0, high=1.0
    )
    scale: float = option(
        0.85, "factor of the variance, measured against the truth of a world (NEES)",
        low=0.1, high=100.0,
    )
    least_position_sigma_m: float = option(
        0.00005, "standard deviation of the position that is always added", unit="m",
        low=1e-6, high=10.0,
    )
    least_rotation_sigma_deg: float = option(
        0.0005, "standard deviation of the rotation that is always added", unit="deg",
        low=1e-6, high=10.0,
    )


@dataclass(frozen=True, slots=True)
class GateConfig:
    """What a pose must fulfil to be believed."""

    min_spread: float = option(
        0.03, "smallest standard deviation of the inliers' pixels along any axis, as a share of"
        " the image's diagonal", low=0.0, high=0.5,
    )
    max_position_sigma_m: float = option(
        0.5, "largest standard deviation of the position along any axis", unit="m",
        low=1e-4, high=1000.0,
    )
    max_rotation_sigma_deg: float = option(
        5.0, "largest standard deviation of the rotation about any axis", unit="deg",
        low=1e-3, high=180.0,
    )
    prior_probability: float = option(
        0.9999, "share of true poses that lie within the gate around the prior",
        low=0.5, high=0.9999999,
    )


@dataclass(frozen=True, slots=True)
class PlacesConfig:
    """What is made of places: hypotheses of where an image was taken."""

    views: int = option(
        6, "views that places name, or near them, that are matched by themselves, beside the whole "
        "map", low=0, high=10_000,
    )
    spread_m: float = option(
        3.0, "1-sigma distance from a place to where the image was taken, of places that do not say"
        " it themselves", unit="m", low=0.1, high=1000.0,
    )
    spread_deg: float = option(
        10.0, "and of the heading", unit="deg", low=0.1, high=180.0
    )
    share: float = option(
        0.2, "share of the particles of the first moment (`filter.particles.anywhere`) that begin"
        " around places; the others begin anywhere, so that wrong places mislead nobody",
        low=0.0, high=0.9,
    )
    rivals: int = option(
        1000, "particles that are drawn from places after each label map that does not fit", low=0,
        high=1_000_000,
    )
    rivals_share: float = option(0.1, "weight that they begin with", low=0.0, high=0.9)


@dataclass(frozen=True, slots=True)
class LocalizerConfig:
    """Everything `Localizer.localize` needs besides the map."""

    seed: int = option(0, "seed of every random choice", low=0, high=2**31 - 1)
    method: str = option(
        "auto",
        "how: features alone; features of the right label; those with gravity; labels on odometry;"
        " all that is there",
        choices=METHODS, live=True,
    )
    features: FeaturesConfig = section(FeaturesConfig)
    matching: MatchingConfig = section(MatchingConfig)
    pnp: PnpConfig = section(PnpConfig)
    covariance: CovarianceConfig = section(CovarianceConfig)
    gate: GateConfig = section(GateConfig)
    gsmc: GravityConsistencyConfig = section(GravityConsistencyConfig)
    filter: FilterConfig = section(FilterConfig)
    places: PlacesConfig = section(PlacesConfig)
    objects: ObjectsConfig = section(ObjectsConfig)
