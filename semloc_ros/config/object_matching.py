"""How planar objects are found and matched in an image, and the node that does it."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.config.backends import BackendConfig
from semloc_ros.options import option, section


@dataclass(frozen=True, slots=True)
class ObjectRefinementConfig:
    """From the matches of one find to its homography, and to that of the pixels."""

    max_error_px: float = option(
        3.0, "largest error of a match that fits the homography, or three times what matches are "
        "said to err by, if that is more", unit="px", low=0.1, high=100.0,
    )
    min_matches: int = option(8, "fewest matches of a homography", low=4, high=10_000)
    max_side_px: int = option(
        256, "photometric: pixels across the grid on which pictures are compared", unit="px",
        low=32, high=2048,
    )
    max_move: float = option(
        0.7, "photometric: a corner moves by so much of the object's size at most", low=0.0,
        high=1.0,
    )
    least_agreement: float = option(
        0.25, "photometric: share of the object's cells in the image that look like the reference "
        "image, at least; with less, pixels contradict the find, and with fewer than five cells "
        "(below 24 px across there are four) they do not confirm it either; 0: they never "
        "contradict", low=0.0, high=1.0,
    )
    min_sigma_px: float = option(
        0.1, "photometric: least error that is told of a match", unit="px", low=0.001, high=10.0
    )


@dataclass(frozen=True, slots=True)
class ObjectFeaturesConfig:
    """Local features (RootSIFT) of a find and of the reference image of its object."""

    max_features: int = option(1500, "strongest ones of either", low=16, high=100_000)
    contrast_threshold: float = option(
        0.005, "smallest response of a feature", low=0.0, high=1.0
    )
    ratio: float = option(
        0.85, "largest ratio of best to second-best distance", low=0.1, high=1.0
    )
    margin: float = option(
        0.15, "the box of a find is widened by this share of it", low=0.0, high=1.0
    )
    near: float = option(
        0.1, "a match lies this near to where the network has it, as a share of the reference "
        "image", low=0.005, high=1.0,
    )


@dataclass(frozen=True, slots=True)
class ObjectMatcherConfig(BackendConfig):
    """From an image to the objects in it, and to matches with their reference images."""

    score: float = option(
        0.5, "least score of a find that only the network vouches for", low=0.0, high=1.0
    )
    confirmed_score: float = option(
        0.15, "least score of a find that features or pixels confirm (matcher features, refine "
        "photometric); networks tell none below 0.1", low=0.0, high=1.0,
    )
    doubtful: int = option(
        8, "finds below `score` that are asked whether features or pixels confirm them, the best "
        "ones", low=0, high=40,
    )
    overlap: float = option(
        0.5, "of finds, whatever their objects, whose boxes overlap by more (intersection over "
        "union; of finds of one object over the smaller box) the best one is kept", low=0.0,
        high=1.0,
    )
    matcher: str = option(
        "regression", "what matches: the network, or local features in what the network finds",
        choices=("regression", "features"),
    )
    refine: str = option(
        "photometric", "matches as they are; moved to the homography that fits most; moved to the "
        "homography by which image and reference image agree",
        choices=("none", "homography", "photometric"),
    )
    points: int = option(400, "matches of a find, at most", low=8, high=100_000)
    refinement: ObjectRefinementConfig = section(ObjectRefinementConfig)
    features: ObjectFeaturesConfig = section(ObjectFeaturesConfig)


@dataclass(frozen=True, slots=True)
class OoiMatcherNodeConfig:
    """The node that finds objects of interest in a camera's images."""

    map: str = option("", "folder of the map, with its objects (semloc learn objects)")
    model: str = option("", "name of a model in models/, or a file: .safetensors or .onnx")
    autostart: bool = option(True, "configure and activate without a lifecycle manager")
    image_transport: str = option(
        "raw", "kind of the image topic", choices=("raw", "compressed")
    )
    rectified: bool = option(
        False, "images are rectified: the distortion of camera_info is not theirs"
    )
    map_frame: str = option("map", "frame of the map")
    mask_wait_ms: float = option(
        30.0, "longest wait for the mask of an image", unit="ms", low=0.0, high=1000.0
    )
    ooi: ObjectMatcherConfig = section(ObjectMatcherConfig)
