"""How answers are judged, and what the doctor does."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.config.dynamic import DynamicConfig
from semloc_ros.config.nodes import LocalizerNodeConfig
from semloc_ros.config.object_matching import ObjectMatcherConfig
from semloc_ros.config.places import RetrieverConfig
from semloc_ros.config.segmenter import LabellerConfig
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
    """Where a bag holds what the localizer takes; what images have beside them may come from
    another bag (`--with`)."""

    image: str = option("/camera/image_raw", "images; else the same with /compressed")
    camera_info: str = option("/camera/camera_info", "intrinsics")
    odom: str = option("/odom", "odometry, where `odometry` is topic")
    mask: str = option("", "masks of what moves; none if empty")
    labels: str = option("", "label maps; none if empty")
    places: str = option("", "places, as place_retriever sends them; none if empty")
    objects: str = option("", "matches of objects, as ooi_matcher sends them; none if empty")
    imu: str = option("/imu/data", "the IMU, where `gravity` is imu")


@dataclass(frozen=True, slots=True)
class GetsConfig:
    """What the localizer gets beside images, of what is there; others get it all the same: places
    and objects that models find in the run are found with masks and labels."""

    mask: bool = option(True, "masks")
    labels: bool = option(True, "label maps")
    places: bool = option(True, "places")
    objects: bool = option(True, "matches of objects")


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
    gets: GetsConfig = section(GetsConfig)
    dynamic: DynamicConfig = section(DynamicConfig)
    labeller: LabellerConfig = section(LabellerConfig)
    retriever: RetrieverConfig = section(RetrieverConfig)
    ooi: ObjectMatcherConfig = section(ObjectMatcherConfig)
    evaluation: EvaluationConfig = section(EvaluationConfig)


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
