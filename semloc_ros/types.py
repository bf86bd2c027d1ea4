"""The values that flow between the stages: immutable, plain numpy, no ROS and no torch.

Conventions, everywhere in the package
--------------------------------------
- A pose is a (4, 4) float64 matrix named by direction: `camera_from_map` takes map
  coordinates (metres) to camera coordinates (optical: x right, y down, z forward).
- Pixel (0, 0) is the centre of the top-left pixel (OpenCV); `points_image` are (u, v).
- Times are integer nanoseconds, `stamp_ns`. Angles are radians.
- A pose covariance is (6, 6) in ROS order (x, y, z, rot x, rot y, rot z) for the pose
  `map_from_camera` or `map_from_base`, as PoseWithCovariance means it: the position error is
  added, t = t̂ + δ, and the rotation error turns about the FIXED map axes, R = Exp(θ) R̂.
- Masks: 255 = dynamic, 0 = static.
- Failure is a value: `NoPose(reason)`, never a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
LabelMap = NDArray[np.uint8] | NDArray[np.uint16]  # the largest number of the type is unknown
UNSURE = 65535  # of the numbers of instances
CameraModel = Literal["pinhole", "radtan", "fisheye"]


@dataclass(frozen=True, slots=True)
class Camera:
    """Intrinsics of one camera, in pixels.

    `distortion` is OpenCV's: empty for "pinhole"; (k1, k2, p1, p2[, k3[, k4, k5, k6]]) for
    "radtan"; (k1, k2, k3, k4) for "fisheye" (equidistant). `geometry.cameras.check_camera`
    is the border check.
    """

    model: CameraModel
    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Places:
    """Where an image may have been taken: N hypotheses of a place, the best first.

    `map_from_camera` (N, 4, 4); `scores` (N,), larger is better; `views` (N,) int64, the row of
    the map's view that looks like the image, -1 where it is no view of the map. `spreads` (N, 2),
    if known, is one sigma of each: metres along both horizontal axes, and radians of the heading.
    """

    stamp_ns: int
    map_from_camera: FloatArray
    scores: FloatArray
    views: NDArray[np.int64]
    spreads: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, slots=True)
class Frame:
    """One image to be localized.

    `image` is (H, W, 3) uint8 RGB or (H, W) uint8; `mask`, if given, (H, W) uint8 with
    255 = dynamic: features under it are not used; `labels`, if given, its label map (H, W);
    `down_camera`, if known, the unit vector (3,) of gravity in camera axes; `places`, if given,
    where this image or one shortly before it may have been taken; `objects`, what it shows.
    """

    stamp_ns: int
    image: NDArray[np.uint8]
    camera: Camera
    mask: NDArray[np.uint8] | None = None
    labels: LabelMap | None = None
    down_camera: FloatArray | None = None
    places: Places | None = None
    objects: ObjectMatches | None = None


@dataclass(frozen=True, slots=True)
class PosedImage:
    """One image of a mapping session: its pose is known, its pixels are read on demand.

    `read()` returns (H, W, 3) uint8 RGB or (H, W) uint8. `name` is unique in its session.
    """

    name: str
    stamp_ns: int
    camera: Camera
    camera_from_map: FloatArray
    read: Callable[[], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class CameraImage:
    """An image whose pose is not known, or is kept back by the benchmark: see `PosedImage`."""

    name: str
    stamp_ns: int
    camera: Camera
    read: Callable[[], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One image with a class per pixel.

    `read()` as in `PosedImage`; `read_labels()` returns (H, W) uint8 Cityscapes train ids (0 road
    to 18 bicycle), 255 = unknown.
    """

    name: str
    read: Callable[[], NDArray[np.uint8]]
    read_labels: Callable[[], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Instances:
    """What of an image is dynamic, object by object.

    `numbers` (H, W) uint16: 0 static, k the k-th object (from 1); where objects overlap, the one
    of the higher score. In truth also 65535: unsure, neither learned from nor counted. `scores`
    (N,) float32 in [0, 1], that of object k at k - 1; an object may have no pixel left.
    """

    numbers: NDArray[np.uint16]
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def mask(self) -> NDArray[np.uint8]:
        """(H, W), 255 = dynamic; what is unsure is not."""
        dynamic = (self.numbers > 0) & (self.numbers != UNSURE)
        return np.where(dynamic, 255, 0).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class InstanceImage:
    """One image with its dynamic objects.

    `read()` returns (H, W, 3) uint8 RGB; `read_instances()` (H, W) uint16 as
    `Instances.numbers`, 65535 = unsure.
    """

    name: str
    read: Callable[[], NDArray[np.uint8]]
    read_instances: Callable[[], NDArray[np.uint16]]


@dataclass(frozen=True, slots=True)
class ImagePair:
    """The same place seen twice, in other conditions, and where the same surface points lie.

    `points_a`, `points_b` (N, 2) float64 pixels, row by row the same point.
    """

    name_a: str
    name_b: str
    read_a: Callable[[], NDArray[np.uint8]]
    read_b: Callable[[], NDArray[np.uint8]]
    points_a: FloatArray
    points_b: FloatArray


@dataclass(frozen=True, slots=True)
class StaticClip:
    """Frames of a camera that does not move.

    `read(i)` returns (H, W, 3) uint8 RGB of frame i in [0, num_frames); `read_truth(i)` (H, W)
    uint8 as CDnet writes it (255 moving, 170 unknown, 85 outside the region judged, 50 shadow,
    0 static), or None where frame i has no truth. `rate_hz` frames per second, 0 = not known.
    """

    name: str
    num_frames: int
    rate_hz: float
    read: Callable[[int], NDArray[np.uint8]]
    read_truth: Callable[[int], NDArray[np.uint8] | None]


@dataclass(frozen=True, slots=True)
class PlaceImage:
    """One image of a place-recognition set: `position_xy` (2,) float64 metres (UTM east, north),
    `heading` radians from north, clockwise, or None."""

    name: str
    position_xy: FloatArray
    heading: float | None
    read: Callable[[], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Odometry:
    """One wheel-odometry sample: `odom_from_base` (4, 4); covariance as on top, in odom axes."""

    stamp_ns: int
    odom_from_base: FloatArray
    covariance: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Features:
    """Local features of one image.

    `keypoints` (N, 2) float32 pixels (u, v); `scales` (N,) float32, the diameter of the
    described region in pixels; `descriptors` (N, D) uint8 or float32; `model` names the
    extractor and is stored in maps so that only like is compared with like.
    """

    model: str
    keypoints: NDArray[np.float32]
    scales: NDArray[np.float32]
    descriptors: NDArray[Any]

    def __len__(self) -> int:
        return len(self.keypoints)


@dataclass(frozen=True, slots=True)
class Correspondences:
    """2D-3D correspondences, the common currency of every matcher.

    `points_image` (N, 2) float64 pixels; `points_map` (N, 3) float64 metres; `sigmas_px` (N,)
    standard deviation of the image point; `scores` (N,) in [0, 1], larger is better, the order
    for PROSAC; `point_ids` (N,) int64 row of the point in the map, or -1.
    """

    points_image: FloatArray
    points_map: FloatArray
    sigmas_px: FloatArray
    scores: FloatArray
    point_ids: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.points_image)

    def select(self, chosen: NDArray[Any]) -> Correspondences:
        """The rows `chosen` (a boolean mask or indices), in that order."""
        return Correspondences(
            self.points_image[chosen],
            self.points_map[chosen],
            self.sigmas_px[chosen],
            self.scores[chosen],
            self.point_ids[chosen],
        )


@dataclass(frozen=True, slots=True)
class ObjectDetection:
    """One planar object that was found in an image, and its dense matches to its reference image.

    `name` is that of the object in the map; `score` in [0, 1]; `box` (4,) float64 pixels x0 y0 x1
    y1; `points_image` (N, 2) float64 pixels; `points_uv` (N, 2) float64 where they lie in the
    reference image, (0, 0) its top-left corner and (1, 1) its bottom-right one, so that pixel k of
    n has its centre at (k + 0.5) / n; `sigmas_px` (N,) 1-sigma of the image points for that place
    of the reference; `scores` (N,) in [0, 1], the order for PROSAC.
    """

    name: str
    score: float
    box: FloatArray
    points_image: FloatArray
    points_uv: FloatArray
    sigmas_px: FloatArray
    scores: FloatArray

    def __len__(self) -> int:
        return len(self.points_image)


@dataclass(frozen=True, slots=True)
class ObjectMatches:
    """What objects say of an image: N correspondences, and whose they are.

    `objects` (N,) int64 rows of the map's objects, `instances` (N,) int64 which of the places where
    such an object hangs, from 0, `detections` (N,) int64 which find in the image, from 0. Of a
    find that may be one of several instances each pixel is there once for each of them:
    `localization.objects` chooses. `point_ids` are -1.
    """

    stamp_ns: int
    correspondences: Correspondences
    objects: NDArray[np.int64]
    instances: NDArray[np.int64]
    detections: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.objects)


@dataclass(frozen=True, slots=True)
class PictureObjects:
    """The truth of an image's planar objects.

    `numbers` (H, W) uint16: 0 none, k the k-th object of the image, from 1; `names` (K,) of these
    objects, two may have the same; `uv` (H, W, 2) float32 as `ObjectDetection.points_uv`, NaN where
    there is none.
    """

    numbers: NDArray[np.uint16]
    names: tuple[str, ...]
    uv: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ObjectImage:
    """One image with its planar objects: `read()` gives (H, W, 3) uint8 RGB."""

    name: str
    read: Callable[[], NDArray[np.uint8]]
    read_objects: Callable[[], PictureObjects]


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed before the image is seen: pose and (6, 6) covariance (see top)."""

    camera_from_map: FloatArray
    covariance: FloatArray


class NoPoseReason(str, Enum):
    """Why a frame has no pose: the word that is published in the status."""

    BAD_IMAGE = "bad_image"
    BAD_CAMERA = "bad_camera"
    BAD_PRIOR = "bad_prior"
    TOO_FEW_FEATURES = "too_few_features"
    TOO_FEW_MATCHES = "too_few_matches"
    TOO_FEW_INLIERS = "too_few_inliers"
    DEGENERATE = "degenerate"
    TOO_UNCERTAIN = "too_uncertain"
    AGAINST_PRIOR = "against_prior"
    NO_GRAVITY = "no_gravity"
    AMBIGUOUS = "ambiguous"
    NOT_ASKED = "not_asked"


@dataclass(frozen=True, slots=True)
class PoseEstimate:
    """A pose with its evidence.

    `camera_from_map` (4, 4); `covariance` (6, 6) of map_from_camera (see top); `inliers` the
    correspondences that support it; `num_matches` how many were offered; `stage_ms` wall time
    by stage, in milliseconds. `method` is the one that found it (pnp, ssmc, gsmc, objects, or one
    and objects: pnp+objects);
    `labels_agree` the share of the matches that fit the pose, whatever their label, whose pixel
    has the label of the point, None without labels; `detail` why labels were not used.
    """

    stamp_ns: int
    camera_from_map: FloatArray
    covariance: FloatArray
    inliers: Correspondences
    num_matches: int
    stage_ms: Mapping[str, float] = field(default_factory=dict)
    method: str = "pnp"
    labels_agree: float | None = None
    detail: str = ""

    @property
    def score(self) -> float:
        """Share of the offered matches that support the pose, in [0, 1]."""
        return len(self.inliers) / max(self.num_matches, 1)


@dataclass(frozen=True, slots=True)
class NoPose:
    """A frame that could not be localized, and why. Published as a status, never as a pose."""

    stamp_ns: int
    reason: NoPoseReason
    detail: str
    num_matches: int = 0
    num_inliers: int = 0
    stage_ms: Mapping[str, float] = field(default_factory=dict)


class State(str, Enum):
    """State of the localizer as it is published."""

    UNINITIALIZED = "UNINITIALIZED"
    BOOTSTRAPPING = "BOOTSTRAPPING"
    TRACKING = "TRACKING"
    DEGRADED = "DEGRADED"
    LOST = "LOST"
