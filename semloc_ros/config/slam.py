"""A SLAM beside us as our odometry: how its frame is aligned to the map."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.options import option, section


@dataclass(frozen=True, slots=True)
class SlamJumpsConfig:
    """What is no motion of the camera but the SLAM's change of mind."""

    max_gap_s: float = option(
        1.0, "a longer gap between two poses begins a new frame", unit="s", low=0.01, high=60.0
    )
    max_acceleration: float = option(
        10.0, "of the body; what needs more is a jump", unit="m/s^2", low=0.1, high=1000.0
    )
    max_turn_acceleration: float = option(
        1000.0, "of the body; what needs more is a jump", unit="deg/s^2", low=1.0, high=1e5
    )
    jitter_m: float = option(
        0.15, "a smaller step is no jump, whatever it needs", unit="m", low=0.0, high=10.0
    )
    jitter_deg: float = option(
        3.0, "a smaller turn is no jump, whatever it needs", unit="deg", low=0.0, high=180.0
    )
    factor: float = option(
        5.0, "while the scale is not known: a step so many times as fast as any before is a jump",
        low=1.5, high=100.0,
    )


@dataclass(frozen=True, slots=True)
class SlamAlignmentConfig:
    """From a SLAM's poses and the localizer's fixes to where the SLAM's frame lies in the map."""

    known_scale: bool = option(
        False, "the SLAM measures metres (stereo, RGB-D, inertial): the scale stays 1"
    )
    window_m: float = option(
        80.0, "way that is looked back", unit="m", low=1.0, high=10_000.0
    )
    max_fixes: int = option(100, "that are kept; the oldest go first", low=5, high=1000)
    fix_step_m: float = option(
        0.2, "a fix nearer to the one before takes its place", unit="m", low=0.0, high=10.0
    )
    min_fixes: int = option(5, "that must agree", low=3, high=100)
    min_share: float = option(
        0.5, "of the fixes in the window that must agree", low=0.1, high=1.0
    )
    min_way_m: float = option(
        2.0, "the fixes that agree must lie so far apart, where the scale is not known", unit="m",
        low=0.1, high=100.0,
    )
    pair_m: float = option(
        1.0, "two fixes from which an alignment is tried lie so far apart, where the scale is not "
        "known", unit="m", low=0.05, high=100.0,
    )
    hypotheses: int = option(200, "pairs that are tried", low=10, high=10_000)
    gate: float = option(
        22.5, "squared Mahalanobis distance up to which a fix agrees (99.9 % of right ones)",
        low=1.0, high=1000.0,
    )
    floor_m: float = option(
        0.03, "added to the fixes' sigma", unit="m", low=0.0, high=10.0
    )
    floor_deg: float = option(0.3, "added to the fixes' sigma", unit="deg", low=0.0, high=45.0)
    drift: float = option(
        0.02, "of the SLAM's position, 1 sigma by way", unit="m/m", low=0.0, high=1.0
    )
    drift_deg: float = option(
        0.15, "of the SLAM's turn, 1 sigma by way", unit="deg/m", low=0.0, high=10.0
    )
    max_sigma_m: float = option(
        0.5, "known: sigma of the position here and now", unit="m", low=0.01, high=100.0
    )
    max_sigma_deg: float = option(
        3.0, "known: sigma of the turn", unit="deg", low=0.01, high=90.0
    )
    max_sigma_scale: float = option(
        0.05, "known: sigma of the scale, as a share of it", low=0.001, high=1.0
    )
    against: int = option(
        4, "fixes in a row that disagree and by themselves agree begin a new frame", low=2, high=50
    )
    jumps: SlamJumpsConfig = section(SlamJumpsConfig)
