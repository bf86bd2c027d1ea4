"""The node between a SLAM and the localizer: what the SLAM says, and what it is given."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.config.slam import SlamAlignmentConfig
from semloc_ros.options import option, section


@dataclass(frozen=True, slots=True)
class SlamBridgeNodeConfig:
    """The node slam_bridge: a SLAM's frame in the map, and its images without what moves."""

    autostart: bool = option(True, "configure and activate without a lifecycle manager")
    align: bool = option(True, "tell where the SLAM's frame lies in the map")
    slam_message: str = option(
        "pose", "type of the topic slam: PoseStamped, PoseWithCovarianceStamped or Odometry",
        choices=("pose", "pose_with_covariance", "odometry"),
    )
    slam_frame: str = option("slam_map", "the SLAM's own frame, of which its messages are")
    body_frame: str = option(
        "", "frame of the body whose pose the SLAM says: that of the camera, or base_frame"
    )
    map_frame: str = option("map", "frame of the map")
    odom_frame: str = option("odom", "frame of ~/odom")
    base_frame: str = option("base_link", "frame of the robot, whose pose is published")
    publish_tf: bool = option(True, "broadcast where the SLAM's frame lies in the map", live=True)
    publish_odom_tf: bool = option(
        False, "broadcast odom to base too; only if nothing else does", live=True
    )
    tf_rate: float = option(20.0, "rate of map to slam_frame", unit="Hz", low=1.0, high=200.0)
    transform_tolerance: float = option(
        0.1, "map to slam_frame is stamped this much after now", unit="s", low=0.0, high=2.0,
        live=True,
    )
    max_fix_age: float = option(
        10.0, "without a fix for longer, tf and ~/pose stop", unit="s", low=0.1, high=86400.0,
        live=True,
    )
    masks: bool = option(True, "give on images and depth without what moves")
    image_transport: str = option(
        "raw", "kind of the image topic", choices=("raw", "compressed")
    )
    mask_wait_ms: float = option(
        100.0, "longest wait for the mask of an image", unit="ms", low=0.0, high=5000.0, live=True
    )
    mask_slop_ms: float = option(
        0.0, "a mask whose stamp differs by no more belongs to the image", unit="ms", low=0.0,
        high=100.0, live=True,
    )
    without_mask: str = option(
        "pass", "an image without a mask in time: give it on as it is, or drop it",
        choices=("pass", "drop"), live=True,
    )
    mask_marks: str = option(
        "dynamic", "what 255 means in ~/mask, beside 0: what moves, or where a SLAM may look",
        choices=("dynamic", "static"), live=True,
    )
    fill: int = option(
        128, "value of what moves in ~/masked_image", low=0, high=255, live=True
    )
    seed: int = option(0, "of the search for the alignment", low=0, high=2**31 - 1)
    alignment: SlamAlignmentConfig = section(SlamAlignmentConfig)
