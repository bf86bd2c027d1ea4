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
    max_iterations: int = option(10_000, "RANSAC iterations at most", low=10, high=10_000_000)


@dataclass(frozen=True, slots=True)
class CovarianceConfig:
    """How sure a pose is."""

    cells: int = option(
        8, "cells across the image within which errors may be alike", low=2, high=64
    )
    least_position_sigma_m: float = option(
        0.0005, "standard deviation of the position that is always added", unit="m",
        low=1e-6, high=10.0,
    )
    least_rotation_sigma_deg: float = option(
        0.005, "standard deviation of the rotation that is always added", unit="deg",
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
class LocalizerConfig:
    """Everything `Localizer.localize` needs besides the map."""

    seed: int = option(0, "seed of every random choice", low=0, high=2**31 - 1)
    features: FeaturesConfig = section(FeaturesConfig)
    matching: MatchingConfig = section(MatchingConfig)
    pnp: PnpConfig = section(PnpConfig)
    covariance: CovarianceConfig = section(CovarianceConfig)
    gate: GateConfig = section(GateConfig)


@dataclass(frozen=True, slots=True)
class EvaluationConfig:
    """How predictions are judged against the truth."""

    max_stamp_difference_ms: float = option(
        1.0, "largest stamp difference of a pose and its image", unit="ms", low=0.0, high=1000.0
    )
    max_truth_gap_s: float = option(
        0.5, "longest gap of the truth that is interpolated", unit="s", low=0.0, high=60.0
    )
    false_fix_m: float = option(
        1.0, "a TRACKING pose worse than this is a false fix", unit="m", low=0.0, high=1000.0
    )
    false_fix_deg: float = option(
        5.0, "a TRACKING pose turned more than this is a false fix", unit="deg", low=0.0, high=180.0
    )


@dataclass(frozen=True, slots=True)
class ReplayConfig:
    """Playing a bag onto topics."""

    rate: float = option(1.0, "speed, as a multiple of the recorded one", low=0.01, high=100.0)
    start: float = option(0.0, "seconds of the bag to leave out", unit="s", low=0.0, high=1e6)
    clock_rate_hz: float = option(
        100.0, "rate of /clock; 0 publishes no clock", unit="Hz", low=0.0, high=1000.0
    )
    loop: bool = option(False, "start again at the end (the clock jumps back)")
    pause: bool = option(False, "start paused; space or ~/pause resumes")
    wait_for_subscribers: int = option(
        0, "matched subscriptions to wait for before the first message", low=0, high=1000
    )
    wait_timeout: float = option(
        10.0, "longest wait for them", unit="s", low=0.0, high=3600.0
    )


@dataclass(frozen=True, slots=True)
class TrackingConfig:
    """When a pose is believed, and which state is published."""

    degraded_after: float = option(
        1.0, "age of the last fix that makes DEGRADED", unit="s", low=0.05, high=3600.0, live=True
    )
    lost_after: float = option(
        15.0, "age of the last fix that makes LOST", unit="s", low=0.1, high=86400.0, live=True
    )
    max_spread_m: float = option(
        0.06, "largest 1-sigma position spread of a fix published as TRACKING",
        unit="m", low=0.001, high=10.0, live=True,
    )
    lost_spread_m: float = option(
        2.0, "position spread of the belief that makes LOST", unit="m", low=0.01, high=1e3,
        live=True,
    )
    global_after: int = option(
        3, "frames without a fix before the whole map is searched again", low=1, high=1000,
        live=True,
    )
    bootstrap_inliers: int = option(
        40, "inliers of a fix that is believed without knowing where to expect it",
        low=4, high=10_000,
        live=True,
    )
    trusted_spread_m: float = option(
        0.3, "position spread of the belief up to which a fix that agrees needs not be strong",
        unit="m", low=0.0, high=100.0, live=True,
    )
    agreement_chi2: float = option(
        22.5, "largest squared Mahalanobis distance (6 degrees of freedom) of fixes that agree",
        low=1.0, high=1e4, live=True,
    )


@dataclass(frozen=True, slots=True)
class MotionConfig:
    """How fast the belief spreads between fixes (1-sigma)."""

    floor_m: float = option(0.02, "position, always", unit="m", low=1e-4, high=10.0, live=True)
    floor_rad: float = option(0.01, "rotation, always", unit="rad", low=1e-4, high=3.0, live=True)
    position_per_m: float = option(
        0.05, "odometry: position, per metre driven", unit="m/m", low=0.0, high=10.0, live=True
    )
    rotation_per_m: float = option(
        0.02, "odometry: rotation, per metre driven", unit="rad/m", low=0.0, high=10.0, live=True
    )
    rotation_per_rad: float = option(
        0.05, "odometry: rotation, per radian turned", unit="rad/rad", low=0.0, high=10.0, live=True
    )
    speed: float = option(
        0.7, "without odometry: position, per second", unit="m/s", low=0.0, high=100.0, live=True
    )
    turn_rate: float = option(
        0.5, "without odometry: rotation, per second", unit="rad/s", low=0.0, high=100.0, live=True
    )


@dataclass(frozen=True, slots=True)
class LocalizerNodeConfig(LocalizerConfig):
    """The localizer node: the parameters of `Localizer` and what ROS adds to them."""

    map: str = option("", "folder of the map")
    autostart: bool = option(True, "configure and activate without a lifecycle manager")
    image_transport: str = option(
        "raw", "kind of the image topic", choices=("raw", "compressed")
    )
    rectified: bool = option(
        False, "images are rectified: take P of camera_info, and no distortion"
    )
    odometry: str = option(
        "topic", "where odometry comes from; without it tf is map to base",
        choices=("topic", "tf", "none"),
    )
    map_frame: str = option("map", "frame of the map")
    odom_frame: str = option("odom", "frame of odometry")
    base_frame: str = option("base_link", "frame of the robot, whose pose is published")
    publish_tf: bool = option(True, "broadcast the transform", live=True)
    tf_rate: float = option(40.0, "rate of map to odom", unit="Hz", low=20.0, high=200.0)
    transform_tolerance: float = option(
        0.1, "map to odom is stamped this much after now", unit="s", low=0.0, high=2.0, live=True
    )
    mask_wait_ms: float = option(
        30.0, "longest wait for the mask of an image", unit="ms", low=0.0, high=1000.0, live=True
    )
    mask_max_age: float = option(
        0.2, "oldest mask that stands in for a missing one", unit="s", low=0.0, high=10.0,
        live=True,
    )
    odometry_wait_ms: float = option(
        100.0, "longest wait for odometry at an image's stamp", unit="ms", low=0.0, high=1000.0,
        live=True,
    )
    odometry_max_gap: float = option(
        0.5, "longest gap of odometry that is interpolated", unit="s", low=0.01, high=10.0
    )
    service_timeout: float = option(
        10.0, "longest wait of ~/global_localization for an image", unit="s", low=0.1, high=600.0,
        live=True,
    )
    pose_file: str = option("", "yaml file that ~/save_pose writes")
    start_from_pose_file: bool = option(False, "start from the pose in that file")
    tracking: TrackingConfig = section(TrackingConfig)
    motion: MotionConfig = section(MotionConfig)


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
        0.0, "relative standard deviation of the focal lengths; 0: exact", low=0.0, high=0.5
    )
    max_points: int = option(
        15_000, "points that take part, those of the longest tracks", low=100, high=10_000_000
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


@dataclass(frozen=True, slots=True)
class RecorderNodeConfig:
    """The recorder node: what a localizer publishes, to files."""

    out: str = option("", "folder for predictions.jsonl and poses.tum")
    localizer: str = option("localizer", "name of the localizer node")
    map_frame: str = option("map", "frame of the map: the tf from it is recorded")


@dataclass(frozen=True, slots=True)
class GalleryConfig:
    """The gallery world: building, runs of the robot, sensors."""

    seed: int = option(0, "seed of the whole world", low=0, high=2**31 - 1)
    columns: int = option(2, "rooms in a row; there are two rows", low=2, high=20)
    room_width_m: float = option(7.0, "inner size of a room east to west", unit="m", low=5, high=30)
    room_depth_m: float = option(
        6.0, "inner size of a room north to south", unit="m", low=5, high=30
    )
    room_height_m: float = option(3.2, "height of the ceiling", unit="m", low=2.6, high=8)
    paintings_per_room: int = option(8, "paintings in each room, at most", low=0, high=40)
    texel_mm: float = option(
        4.0, "size of a texel of the walls; paintings are finer", unit="mm", low=1, high=50
    )
    image_width: int = option(640, "columns of the camera", unit="px", low=32, high=4096)
    image_height: int = option(480, "rows of the camera", unit="px", low=32, high=4096)
    field_of_view_deg: float = option(
        67.0, "horizontal view of the camera", unit="deg", low=20, high=110
    )
    camera_yaw_deg: float = option(
        -50.0, "where the camera looks, from the robot's forward to its left",
        unit="deg", low=-180, high=180,
    )
    mapping_rate: float = option(2.0, "images of the mapping run", unit="Hz", low=0.1, high=30)
    mapping_laps: int = option(2, "times the mapping run goes round", low=1, high=10)
    query_rate: float = option(5.0, "images of the query run", unit="Hz", low=0.1, high=30)
    odometry_rate: float = option(50.0, "odometry and tf", unit="Hz", low=5, high=500)
    longest_run_s: float = option(
        3600.0, "each run ends after this time", unit="s", low=1, high=36_000
    )
    speed: float = option(0.4, "driving speed", unit="m/s", low=0.05, high=2)
    lateral_spread_m: float = option(
        0.35, "how far runs keep off the middle of the way", unit="m", low=0, high=0.5
    )
    odometry_scale_error: float = option(0.012, "error of the wheels' size, 1 sigma", low=0, high=0.2)
    odometry_slip: float = option(
        0.01, "random error of distance and of lateral slip, 1 sigma after a metre",
        unit="m", low=0, high=0.5,
    )
    odometry_drift_deg: float = option(
        0.5, "random error of heading, 1 sigma after a metre", unit="deg", low=0, high=20
    )
    image_noise: float = option(
        1.5, "sensor noise at mid grey, 1 sigma", unit="grey levels", low=0, high=50
    )
    vignetting: float = option(0.12, "light lost in the corners", low=0, high=0.9)
    jpeg_quality: int = option(92, "of the camera's images", low=10, high=100)
    storage: str = option("mcap", "format of the bags", choices=("mcap", "sqlite3"))


@dataclass(frozen=True, slots=True)
class DoctorConfig:
    """What `semloc doctor` looks for: the topics and frames that the localizer will use."""

    image_topic: str = option("/camera/image_raw", "topic of the images")
    image_transport: str = option(
        "raw", "kind of the image topic", choices=("raw", "compressed")
    )
    camera_info_topic: str = option("/camera/camera_info", "topic of the intrinsics")
    odom_topic: str = option("/odom", "topic of the odometry")
    odom_frame: str = option("odom", "frame of odometry")
    base_frame: str = option("base_link", "frame of the robot")
    localizer: str = option("localizer", "name of the localizer node")
    seconds: float = option(3.0, "how long to listen", unit="s", low=0.5, high=600.0)


@dataclass(frozen=True, slots=True)
class GoalsConfig:
    """What the demo must reach; a run that does not is a failure."""

    min_availability: float = option(0.98, "share of frames with a fix", low=0.0, high=1.0)
    max_position_median_m: float = option(0.02, "median position error", unit="m", low=0.0)
    max_rotation_median_deg: float = option(0.2, "median rotation error", unit="deg", low=0.0)
    max_position_tracking_m: float = option(
        0.20, "worst position error of a pose that is offered as good", unit="m", low=0.0
    )
    min_tf_rate_hz: float = option(20.0, "rate of map to odom", unit="Hz", low=0.0)
    min_coverage95: float = option(
        0.90, "share of errors within the 95 % ellipsoid, at least", low=0.0, high=1.0
    )
    max_coverage95: float = option(
        0.99, "share of errors within the 95 % ellipsoid, at most", low=0.0, high=1.0
    )


@dataclass(frozen=True, slots=True)
class DemoConfig:
    """`semloc demo`: world, map, nodes, replay, report."""

    domain: int = option(
        0, "ROS_DOMAIN_ID of the demo alone; 0 takes one by process number", low=0, high=101
    )
    ready_timeout: float = option(
        90.0, "longest wait for the localizer to load the map", unit="s", low=1.0, high=3600.0
    )
    settle: float = option(
        2.0, "wait for the last poses after the bag's end", unit="s", low=0.0, high=60.0
    )
    world: GalleryConfig = section(GalleryConfig)
    map: MapBuilderConfig = section(MapBuilderConfig)
    evaluation: EvaluationConfig = section(EvaluationConfig)
    goals: GoalsConfig = section(GoalsConfig)
