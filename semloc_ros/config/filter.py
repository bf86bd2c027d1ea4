"""Semantic consistency and the particle filter: localization by labels."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.options import option, section


@dataclass(frozen=True, slots=True)
class LabelsConfig:
    """Which labels of points and pixels are used, and how far they are trusted."""

    least_votes: int = option(2, "views that labelled a point, at least", low=1, high=1000)
    max_entropy_bits: float = option(
        0.95, "largest entropy of a point's label votes; 1: one vote against one", unit="bit",
        low=0.0, high=16.0,
    )
    stationary_ratio: float = option(
        0.2, "learned clusters: least share among matches over share among pixels",
        low=0.0, high=10.0,
    )
    error_rate: float = option(
        0.2, "share of wrong pixel labels, besides those that a map's confusion table holds",
        low=0.001, high=0.99,
    )
    occluded: float = option(
        0.2, "share of visible points that something else hides, where there is no such table",
        low=0.001, high=0.99,
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

    sampler: str = option(
        "ordered", "how scores are used: the best matches first, or samples drawn by them",
        choices=("ordered", "weighted"),
    )
    most_matches: int = option(
        600, "matches that are scored, those with the clearest descriptors", low=15, high=100_000
    )
    angles: int = option(360, "poses tried around a point", low=4, high=10_000)
    finalists: int = option(
        6, "poses of a match, best by a part of the map, that are counted on all of it",
        low=1, high=1000,
    )
    coarse_points: int = option(
        4096, "points of the map that choose them", low=256, high=10_000_000
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


@dataclass(frozen=True, slots=True)
class OdometryNoiseConfig:
    """Random errors of wheel odometry (1-sigma) after one metre or one radian; they grow with the
    root of the way. Fitted to recorded drives: docs/benchmarks.md."""

    along: float = option(0.05, "along the way", unit="m/√m", low=0.0, high=10.0)
    across: float = option(0.02, "to the side", unit="m/√m", low=0.0, high=10.0)
    up: float = option(0.01, "height", unit="m/√m", low=0.0, high=10.0)
    turn: float = option(0.015, "heading, by the way", unit="rad/√m", low=0.0, high=3.0)
    turn_per_turn: float = option(
        0.05, "heading, by what was turned", unit="rad/√rad", low=0.0, high=3.0
    )
    tilt: float = option(0.003, "roll and pitch", unit="rad/√m", low=0.0, high=3.0)
    scale: float = option(
        0.03, "length of the way, the same all the time", unit="m/m", low=0.0, high=0.5
    )
    scale_m: float = option(
        4.0, "way over which its error adds up before labels have corrected it", unit="m",
        low=0.0, high=1000.0,
    )
    blind_speed: float = option(
        0.7, "without odometry: position, after one second", unit="m/√s", low=0.0, high=100.0
    )
    blind_turn_rate: float = option(
        0.5, "without odometry: heading, after one second", unit="rad/√s", low=0.0, high=100.0
    )


@dataclass(frozen=True, slots=True)
class ParticlesConfig:
    """How many particles, and when they are drawn anew."""

    least: int = option(1000, "particles at least", low=10, high=1_000_000)
    most: int = option(2000, "particles at most", low=10, high=1_000_000)
    anywhere: int = option(
        20_000, "particles of the first moment, where nothing is known", low=10, high=10_000_000
    )
    bin_m: float = option(0.5, "bins that count for the number: position", unit="m", low=0.01,
                          high=100.0)
    bin_deg: float = option(5.0, "and heading", unit="deg", low=0.1, high=90.0)
    kld_error: float = option(
        0.05, "largest error (Kullback-Leibler) of the sample", low=0.001, high=1.0
    )
    kld_quantile: float = option(
        2.33, "normal quantile of the chance that it is met (2.33: 99 %)", low=0.0, high=6.0
    )
    resample_below: float = option(
        0.5, "effective share of particles that makes them drawn anew", low=0.01, high=1.0
    )
    smoothing: float = option(
        0.4, "width of the kernel that smooths a cluster, as a share of its spread",
        low=0.0, high=0.99,
    )


@dataclass(frozen=True, slots=True)
class FilterConfig:
    """The semantic particle filter."""

    device: str = option(
        "auto", "what weighs particles: the GPU if there is one, the CPU, the GPU",
        choices=("auto", "cpu", "cuda"),
    )
    points: int = option(2000, "points that weigh a particle, per camera", low=16, high=1_000_000)
    near_points: int = option(
        16_384, "points near by from which they are chosen", low=256, high=100_000_000
    )
    range_m: float = option(
        60.0, "largest distance of a point that is looked at", unit="m", low=0.5, high=10_000.0
    )
    cell_m: float = option(
        10.0, "cells by which points are found", unit="m", low=0.1, high=1000.0
    )
    group_m: float = option(
        20.0, "particles farther apart get points of their own", unit="m", low=0.1, high=1000.0
    )
    label_cells: int = option(
        12, "cells across the image within which errors of labels are alike", low=1, high=256
    )
    label_correlation: float = option(
        1.0, "correlation of the errors of two labels in one cell", low=0.0, high=1.0
    )
    stages: int = option(
        8, "parts in which sharp evidence is applied, with a new draw between, at most",
        low=1, high=100,
    )
    standing_m: float = option(
        0.05, "least way since the last labels that were used", unit="m", low=0.0, high=10.0
    )
    standing_deg: float = option(
        1.0, "or least turn", unit="deg", low=0.0, high=180.0
    )
    independent_m: float = option(
        8.0, "way after which labels are wholly new evidence; sooner, in part", unit="m",
        low=0.01, high=1000.0,
    )
    independent_deg: float = option(
        30.0, "turn after which they are", unit="deg", low=0.1, high=360.0
    )
    history_s: float = option(
        3.0, "oldest evidence that is still taken", unit="s", low=0.0, high=60.0
    )
    fix_share: float = option(
        0.25, "share of particles drawn from a fix", low=0.0, high=0.9
    )
    fix_outlier_chi2: float = option(
        30.0, "squared Mahalanobis distance beyond which a fix counts as wrong", low=1.0, high=1e4
    )
    labels: LabelsConfig = section(LabelsConfig)
    particles: ParticlesConfig = section(ParticlesConfig)
    odometry: OdometryNoiseConfig = section(OdometryNoiseConfig)
