"""How answers are judged, and what the demo and the doctor do."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.config.maps import MapBuilderConfig
from semloc_ros.config.nodes import LocalizerNodeConfig
from semloc_ros.config.places import RetrieverConfig
from semloc_ros.config.segmenter import LabellerConfig
from semloc_ros.config.worlds import GalleryConfig
from semloc_ros.options import option, section


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
    recall: str = option(
        "0.05/5 0.25/2 0.5/5 5/10", "thresholds of the recalls, as metres/degrees"
    )
    rpe_frames: int = option(1, "distance of the poses compared by RPE, in fixes", low=1, high=1000)
    rpe_m: float = option(
        1.0, "distance of the poses compared by RPE, along the way", unit="m", low=0.01, high=1e4
    )
    confidence: float = option(
        0.95, "probability of the confidence intervals", low=0.5, high=0.999
    )
    resamples: int = option(
        2000, "samples of the bootstrap and of the permutation test", low=100, high=100_000
    )
    seed: int = option(0, "seed of their random numbers", low=0, high=2**31 - 1)
    block_frames: int = option(
        10, "frames that are drawn together, as neighbours err alike", low=1, high=10_000
    )
    significance: float = option(
        0.05, "a change with less than this probability of chance is one (Holm over all numbers)",
        low=1e-6, high=0.5,
    )
    worse_share: float = option(
        0.01, "a recall or availability lower by no more than this is not worse",
        low=0.0, high=1.0,
    )
    worse_ratio: float = option(
        1.05, "an error grown by no more than this factor is not worse", low=1.0, high=100.0
    )


@dataclass(frozen=True, slots=True)
class BagTopicsConfig:
    """Where a bag holds what the localizer takes."""

    image: str = option("/camera/image_raw", "images; else the same with /compressed")
    camera_info: str = option("/camera/camera_info", "intrinsics")
    odom: str = option("/odom", "odometry, where `odometry` is topic")
    mask: str = option("", "masks of what moves; none if empty")
    labels: str = option("", "label maps; none if empty")
    imu: str = option("/imu/data", "the IMU, where `gravity` is imu")


@dataclass(frozen=True, slots=True)
class EvaluateConfig(LocalizerNodeConfig):
    """`semloc evaluate`: the parameters of the localizer node, and how it is judged."""

    thumbnail_width: int = option(
        320, "width of the overlays kept of each frame; 0 keeps none", unit="px", low=0, high=4096
    )
    evidence: bool = option(
        False, "keep mask, matches and particles of each frame, as --rerun does"
    )
    topics: BagTopicsConfig = section(BagTopicsConfig)
    labeller: LabellerConfig = section(LabellerConfig)
    retriever: RetrieverConfig = section(RetrieverConfig)
    evaluation: EvaluationConfig = section(EvaluationConfig)


@dataclass(frozen=True, slots=True)
class GoalsConfig:
    """What the demo must reach; a run that does not is a failure."""

    min_availability: float = option(0.98, "share of frames with a fix", low=0.0, high=1.0)
    max_position_median_m: float = option(0.02, "median position error", unit="m", low=0.0)
    max_rotation_median_deg: float = option(0.2, "median rotation error", unit="deg", low=0.0)
    max_position_tracking_m: float = option(
        0.20, "worst position error of a pose that is offered as good", unit="m", low=0.0
    )
    max_false_fix_rate: float = option(
        0.0, "share of false fixes among the poses that are offered as good", low=0.0, high=1.0
    )
    max_poses_without_truth: int = option(0, "poses that nothing can be held against", low=0)
    min_tf_coverage: float = option(
        0.9, "share of frames at which tf tells where the base is", low=0.0, high=1.0
    )
    max_tf_position_median_m: float = option(
        0.05, "median position error of the base as tf has it at each frame", unit="m", low=0.0
    )
    max_tf_gap_s: float = option(
        1.0, "longest silence of map to odom while images come", unit="s", low=0.0
    )
    min_tf_rate_hz: float = option(20.0, "rate of map to odom", unit="Hz", low=0.0)
    min_coverage95: float = option(
        0.90, "share of errors within the 95 % ellipsoid, at least", low=0.0, high=1.0
    )
    max_coverage95: float = option(
        0.99, "share of errors within the 95 % ellipsoid, at most", low=0.0, high=1.0
    )


@dataclass(frozen=True, slots=True)
class DoctorConfig:
    """What `semloc doctor` looks for: the topics and frames that the localizer will use."""

    image_topic: str = option("/camera/image_raw", "topic of the images")
    image_transport: str = option(
        "raw", "kind of the image topic", choices=("raw", "compressed")
    )
    camera_info_topic: str = option("/camera/camera_info", "topic of the intrinsics")
    rectified: bool = option(False, "images are rectified: P of camera_info is used")
    odometry: str = option(
        "topic", "where odometry comes from", choices=("topic", "tf", "none")
    )
    odom_topic: str = option("/odom", "topic of the odometry")
    odom_frame: str = option("odom", "frame of odometry")
    base_frame: str = option("base_link", "frame of the robot")
    localizer: str = option("localizer", "name of the localizer node")
    seconds: float = option(3.0, "how long to listen", unit="s", low=0.5, high=600.0)


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
    max_features: int = option(
        2000, "features per image, of map and localizer: plenty for 640 x 480", low=16, high=100_000
    )
    world: GalleryConfig = section(GalleryConfig)
    map: MapBuilderConfig = section(MapBuilderConfig)
    evaluation: EvaluationConfig = section(EvaluationConfig)
    goals: GoalsConfig = section(GoalsConfig)
