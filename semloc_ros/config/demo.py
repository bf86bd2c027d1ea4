"""The demo: its world, its nodes, and what it must reach."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.config.evaluation import EvaluationConfig
from semloc_ros.config.maps import MapBuilderConfig
from semloc_ros.config.worlds import GalleryConfig
from semloc_ros.options import option, section


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
class DemoGalleryConfig(GalleryConfig):
    """The demo's gallery: that whose 42 paintings the shipped model of objects knows, crowded."""

    seed: int = option(301, "seed of the whole world", low=0, high=2**31 - 1)
    room_width_m: float = option(9.0, "inner size of a room east to west", unit="m", low=5, high=30)
    room_depth_m: float = option(
        6.4, "inner size of a room north to south", unit="m", low=5, high=30
    )
    paintings_per_room: int = option(11, "paintings in each room, at most", low=0, high=40)
    paintings: int = option(42, "paintings in all rooms together, at most", low=0, high=1000)
    crowd: int = option(
        2, "visitors in the query run: 0 none, 1 few, 2 busy, 3 crowded", low=0, high=3
    )
    mapping_rate: float = option(1.5, "images of the mapping run", unit="Hz", low=0.1, high=30)
    query_rate: float = option(
        1.0, "images of the query run: all nodes share two processors", unit="Hz", low=0.1, high=30
    )


@dataclass(frozen=True, slots=True)
class DemoNodesConfig:
    """The nodes beside the localizer, each by its model: a name in models/, or a file."""

    masks_model: str = option("dynamic_worlds", "masks of what moves; '': no such node")
    labels_model: str = option("fgsn_gallery_50", "labels of map and images; '': no such node")
    places_model: str = option("gradients", "places, where nothing is known; '': no such node")
    objects_model: str = option(
        "objects_gallery", "objects of interest: of the pictures of this very gallery; '': no such "
        "node",
    )  # fmt: skip
    threads: int = option(
        1, "threads of each network: the nodes share the processors", low=1, high=256
    )
    doubtful: int = option(
        0, "finds that the network doubts, of which pixels are asked (ooi.doubtful): they take "
        "most of the time of objects", low=0, high=40,
    )  # fmt: skip
    wait_ms: float = option(
        600.0, "longest wait of the localizer for labels and objects of an image; longer where the "
        "replay is slower, at most 1 s", unit="ms", low=0.0, high=1000.0,
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
    rate: float = option(
        1.0, "speed of the replay; below 1 where the machine is busy", low=0.01, high=10.0
    )
    settle: float = option(
        2.0, "wait for the last poses after the bag's end", unit="s", low=0.0, high=60.0
    )
    max_features: int = option(
        2000, "features per image, of map and localizer: plenty for 640 x 480", low=16, high=100_000
    )
    nodes: DemoNodesConfig = section(DemoNodesConfig)
    ablation: bool = option(True, "also localize without each part, from what the nodes sent")
    world: DemoGalleryConfig = section(DemoGalleryConfig)
    map: MapBuilderConfig = section(MapBuilderConfig)
    evaluation: EvaluationConfig = section(EvaluationConfig)
    goals: GoalsConfig = section(GoalsConfig)
