"""From posed images to a map."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.config.localization import FeaturesConfig
from semloc_ros.options import option, section


@dataclass(frozen=True, slots=True)
class PairsConfig:
    """Which images of a mapping session are matched with which."""

    neighbours: int = option(
        24, "images that each image is matched with, about half of them its own choice",
        low=2, high=1000,
    )
    min_overlap: float = option(
        0.25, "smallest shared part of two images, at the best assumed depth", low=0.0, high=1.0
    )
    nearest_depth: float = option(
        1.0, "nearest depth that is assumed for the scene", unit="m", low=0.01, high=1000.0
    )
    farthest_depth: float = option(
        16.0, "farthest depth that is assumed for the scene", unit="m", low=0.01, high=10_000.0
    )


@dataclass(frozen=True, slots=True)
class RefinementConfig:
    """Bundle adjustment that mends the given poses of a mapping session."""

    poses: bool = option(False, "mend the given poses (off: they are believed exactly)")
    position_sigma_m: float = option(
        0.02, "standard deviation of a given position", unit="m", low=1e-6, high=10.0
    )
    rotation_sigma_deg: float = option(
        1.0, "standard deviation of a given rotation", unit="deg", low=1e-5, high=90.0
    )
    mounting_position_sigma_m: float = option(
        0.0, "standard deviation of the camera's mounting that all images share; 0: exact",
        unit="m", low=0.0, high=10.0,
    )
    mounting_rotation_sigma_deg: float = option(
        0.0, "the same of its rotation; 0: exact", unit="deg", low=0.0, high=90.0
    )
    time_offset_sigma_s: float = option(
        0.0, "standard deviation of the offset of the images' stamps to the poses; 0: exact",
        unit="s", low=0.0, high=10.0,
    )
    focal_length_sigma: float = option(
        0.0, "relative standard deviation of the focal length; 0: exact", low=0.0, high=0.5
    )
    radial_distortion_sigma: float = option(
        0.0, "standard deviation of the distortion coefficients k1 and k2; 0: exact",
        low=0.0, high=10.0,
    )
    max_points: int = option(
        8_000, "points that take part, those of the longest tracks", low=100, high=10_000_000
    )
    iterations: int = option(15, "iterations at most, in each of two rounds", low=1, high=1000)


@dataclass(frozen=True, slots=True)
class MapBuilderConfig:
    """From posed images to a map."""

    features: FeaturesConfig = section(FeaturesConfig)
    pairs: PairsConfig = section(PairsConfig)
    ratio: float = option(
        0.85, "largest ratio of best to second-best distance between two images",
        low=0.1, high=1.0,
    )
    epipolar_px: float = option(
        4.0, "largest distance of a match from its epipolar line", unit="px", low=0.1, high=100.0
    )
    max_error_px: float = option(
        4.0, "largest reprojection error of an observation", unit="px", low=0.1, high=100.0
    )
    min_angle_deg: float = option(
        1.5, "smallest angle between the rays of a point", unit="deg", low=0.0, high=90.0
    )
    min_views: int = option(2, "fewest views of a point", low=2, high=100)
    keypoint_sigma_px: float = option(
        1.0, "standard deviation of a keypoint", unit="px", low=0.01, high=100.0
    )
    refine: RefinementConfig = section(RefinementConfig)
    keep_unmatched: bool = option(False, "also store the features that have no point")
