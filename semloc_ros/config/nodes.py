"""What ROS adds: the nodes' own parameters."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.config.localization import LocalizerConfig
from semloc_ros.options import option, section


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
        40, "inliers of a sharp fix that makes a strong one", low=4, high=10_000, live=True
    )
    confirm_first: bool = option(
        True, "the first fix, one after LOST, and one against the belief wait for a second image"
        " from elsewhere, however strong", live=True,
    )
    confirm_way_m: float = option(
        0.1, "way between two images, by odometry, that makes the second from elsewhere",
        unit="m", low=0.0, high=100.0, live=True,
    )
    confirm_turn_deg: float = option(
        5.0, "or turn between them", unit="deg", low=0.0, high=180.0, live=True
    )
    confirm_share: float = option(
        0.6, "or, as the robot may stand, inliers per match of both, if they are strong",
        low=0.0, high=1.0, live=True,
    )
    refound_spread_m: float = option(
        10.0, "position spread of the belief up to which, LOST, a strong fix that agrees with it "
        "needs no second image", unit="m", low=0.0, high=1e3, live=True,
    )
    trusted_spread_m: float = option(
        0.3, "position spread of the belief up to which a fix that agrees needs not be strong",
        unit="m", low=0.0, high=100.0, live=True,
    )
    agreement_chi2: float = option(
        22.5, "largest squared Mahalanobis distance (6 degrees of freedom) of fixes that agree",
        low=1.0, high=1e4, live=True,
    )
    labels_spread_m: float = option(
        0.5, "largest 1-sigma position spread of a pose kept by labels that is published as"
        " TRACKING", unit="m", low=0.001, high=100.0, live=True,
    )
    labels_share: float = option(
        0.9, "weight of the particles that such a pose has, at least", low=0.0, high=1.0, live=True
    )
    labels_fit: float = option(
        0.7, "agreement of labels with it, at least; 1 is what is expected", low=0.0, high=1.0,
        live=True,
    )
    labels_updates: int = option(
        3, "label maps that confirm it, at least", low=0, high=1000, live=True
    )
    labels_relocate: int = option(
        10, "label maps in a row, before they are believed against odometry, or where the whole map"
        " was searched; and before it is, as they fit nothing", low=1, high=10_000, live=True,
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
    tf_smoothing: float = option(
        0.0, "time constant with which map to odom follows the fixes; 0: at once",
        unit="s", low=0.0, high=60.0, live=True,
    )
    tf_smoothing_max_m: float = option(
        0.5, "a larger jump of the robot is broadcast at once", unit="m", low=0.0, high=100.0,
        live=True,
    )
    tf_smoothing_max_deg: float = option(
        5.0, "and a larger turn", unit="deg", low=0.0, high=180.0, live=True
    )
    mask_wait_ms: float = option(
        30.0, "longest wait for the mask of an image", unit="ms", low=0.0, high=1000.0, live=True
    )
    mask_max_age: float = option(
        0.2, "oldest mask that stands in for a missing one", unit="s", low=0.0, high=10.0,
        live=True,
    )
    labels_wait_ms: float = option(
        300.0, "longest wait for the label map of an image", unit="ms", low=0.0, high=1000.0,
        live=True,
    )
    labels_max_age: float = option(
        0.0, "oldest label map that stands in for a missing one", unit="s", low=0.0, high=10.0,
        live=True,
    )
    objects_wait_ms: float = option(
        300.0, "longest wait for the objects of an image; those of another are never used",
        unit="ms", low=0.0, high=1000.0, live=True,
    )
    places_max_age: float = option(
        1.0, "oldest places that stand in for those of an image; none are waited for", unit="s",
        low=0.0, high=10.0, live=True,
    )
    gravity: str = option(
        "level", "which way is down: the base stands level, the topic imu, or not known",
        choices=("level", "imu", "none"),
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
class RecorderNodeConfig:
    """The recorder node: what a localizer publishes, to files."""

    out: str = option("", "folder for predictions.jsonl and poses.tum")
    localizer: str = option("localizer", "name of the localizer node")
    map_frame: str = option("map", "frame of the map: the tf from it is recorded")
    topics: str = option(
        "", "topics whose messages are kept as they are, in the bag companions/ beside: "
        "/a=sensor_msgs/msg/Image,/b=…",
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
    wait_for: str = option(
        "", "topics, as /a,/b=2, that must be subscribed to (/b twice) before the first message"
    )
    wait_timeout: float = option(
        60.0, "longest wait for them", unit="s", low=0.0, high=3600.0
    )
    play_unheard: bool = option(False, "play on with a warning if they do not come in time")
