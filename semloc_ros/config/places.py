"""How places are described, and how they are found again, and the node that does it."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.config.backends import BackendConfig
from semloc_ros.options import option, section


@dataclass(frozen=True, slots=True)
class DescriberConfig(BackendConfig):
    """From an image or its label map to the descriptor of the place."""

    shifts: int = option(
        2, "shallow networks: an image is looked up as if the camera were turned by up to so many "
        "of their cells, too", low=0, high=11,
    )


@dataclass(frozen=True, slots=True)
class SequenceConfig:
    """Places that agree over the last way, by odometry."""

    length_m: float = option(
        0.0, "way that is looked back; 0: each image for itself", unit="m", low=0.0, high=1000.0
    )
    step_m: float = option(
        1.0, "least way between two images that count", unit="m", low=0.01, high=100.0
    )
    near_m: float = option(
        5.0, "a view this far from where the camera was counts no more", unit="m", low=0.1,
        high=1000.0,
    )
    near_deg: float = option(
        45.0, "nor one turned this far", unit="deg", low=1.0, high=180.0
    )


@dataclass(frozen=True, slots=True)
class RetrieverConfig:
    """From an image to hypotheses of its place."""

    models: str = option(
        "", "one model of places, two of a hybrid, split by a comma, or a hybrid (semloc train "
        "hybrid), which brings its weight: names in models/ or files; the map must have their "
        "descriptors (semloc map places)"
    )
    count: int = option(10, "hypotheses at most", low=1, high=10_000)
    candidates: int = option(
        50, "views that fusion, sequences and re-ranking look at", low=1, high=100_000
    )
    fusion: str = option(
        "weighted", "hybrid: normalized scores added, descriptors put together, or ranks added",
        choices=("weighted", "concatenated", "ranks"),
    )
    weight: float = option(0.5, "hybrid: share of the first model", low=0.0, high=1.0)
    apart_m: float = option(
        0.0, "hypotheses nearer than this to a better one are left out; 0: none is", unit="m",
        low=0.0, high=1000.0,
    )
    apart_deg: float = option(
        20.0, "if they are turned less than this from it, too", unit="deg", low=0.0, high=180.0
    )
    rerank_weight: float = option(
        0.0, "of the agreement of coarse labels beside the score, both normalized; 0: not asked",
        low=0.0, high=100.0,
    )
    rerank_shift: int = option(
        1, "cells that the label grids may be shifted against each other", low=0, high=5
    )
    exact_below: int = option(
        100_000, "views that are compared whole; more stand in inverted lists", low=0,
        high=100_000_000,
    )
    seed: int = option(0, "of the inverted lists", low=0, high=2**31 - 1)
    sequence: SequenceConfig = section(SequenceConfig)
    describer: DescriberConfig = section(DescriberConfig)


@dataclass(frozen=True, slots=True)
class PlaceRetrieverNodeConfig:
    """The node that tells where a camera's images may have been taken."""

    map: str = option("", "folder of the map, with descriptors of its views by the same models")
    autostart: bool = option(True, "configure and activate without a lifecycle manager")
    image_transport: str = option(
        "raw", "kind of the image topic", choices=("raw", "compressed")
    )
    map_frame: str = option("map", "frame of the map")
    labels_wait_ms: float = option(
        1000.0, "where a model reads labels: that none come is said after this wait", unit="ms",
        low=0.0, high=60_000.0,
    )
    mask_wait_ms: float = option(
        30.0, "longest wait for the mask of an image", unit="ms", low=0.0, high=1000.0
    )
    odometry: str = option(
        "topic", "where odometry comes from", choices=("topic", "tf", "none")
    )
    odom_frame: str = option("odom", "frame of odometry")
    base_frame: str = option("base_link", "frame of the robot")
    odometry_wait_ms: float = option(
        100.0, "longest wait for odometry at an image's stamp", unit="ms", low=0.0, high=1000.0
    )
    odometry_max_gap: float = option(
        0.5, "longest gap of odometry that is interpolated", unit="s", low=0.01, high=10.0
    )
    retriever: RetrieverConfig = section(RetrieverConfig)
