"""ROS messages to the package's values and back: the border where outside data is checked.

Every function that reads a message raises InputError, one line, for what no message of a
working robot holds (NaN, a zero K, another size); inside, values are trusted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from builtin_interfaces.msg import Time
from cv_bridge import CvBridge
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import (
    Point,
    Pose,
    PoseArray,
    PoseWithCovarianceStamped,
    Quaternion,
    Transform,
    TransformStamped,
    Vector3,
)
from nav_msgs.msg import Odometry as OdometryMessage
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from semloc_ros.errors import InputError, expected
from semloc_ros.geometry import se3
from semloc_ros.geometry.cameras import check_camera
from semloc_ros.localization.companions import MASK
from semloc_ros.localization.odometry_noise import covariance_of
from semloc_ros.localization.reports import value_text
from semloc_ros.types import Camera, CameraModel, FloatArray, LabelMap, Odometry

GRAY_ENCODINGS = ("mono8", "8UC1")
LABEL_ENCODINGS = (*GRAY_ENCODINGS, "mono16", "16UC1")
COLOR_ENCODINGS = ("rgb8", "bgr8", "rgba8", "bgra8", "8UC3")
DEPTH_ENCODINGS = ("16UC1", "32FC1")
_BYTES_PER_PIXEL = {
    "mono8": 1, "8UC1": 1, "mono16": 2, "16UC1": 2, "rgb8": 3, "bgr8": 3, "8UC3": 3, "rgba8": 4,
    "bgra8": 4, "32FC1": 4,
}  # fmt: skip
_MODELS: dict[str, CameraModel] = {
    "plumb_bob": "radtan",
    "rational_polynomial": "radtan",
    "equidistant": "fisheye",
    "fisheye": "fisheye",
}
_COUNTS = {"plumb_bob": (4, 5), "rational_polynomial": (8,), "equidistant": (4,), "fisheye": (4,)}
_BRIDGE = CvBridge()
_FOCAL_LENGTHS = (0.05, 50.0)  # of the width: from the widest fisheye to a telescope
_MAX_CENTRE_OFF = 3  # crops may lie beside the principal point, but not that far


def stamp_ns(stamp: Time) -> int:
    """Integer nanoseconds of a stamp."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def to_stamp(nanoseconds: int) -> Time:
    """The inverse of `stamp_ns`."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return Time(sec=seconds, nanosec=rest)


def frame_of(name: str) -> str:
    """A frame's name as tf2 takes it: ROS 1's leading slash, which drivers still send, is gone."""
    return name.lstrip("/")


def image_from(message: Image | CompressedImage) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB or (H, W) uint8. InputError for empty, torn or 16-bit images."""
    if isinstance(message, CompressedImage):
        return _decoded(message)
    _check_layout("image", message, GRAY_ENCODINGS + COLOR_ENCODINGS)
    if message.encoding in GRAY_ENCODINGS:
        return np.asarray(_BRIDGE.imgmsg_to_cv2(message, "passthrough"))
    if message.encoding == "8UC3":  # says nothing of the order; drivers that use it mean OpenCV's
        return cv2.cvtColor(_BRIDGE.imgmsg_to_cv2(message, "passthrough"), cv2.COLOR_BGR2RGB)
    return np.asarray(_BRIDGE.imgmsg_to_cv2(message, "rgb8"))


def companion_from(name: str, message: Image) -> LabelMap:
    """A mask (H, W) uint8 or a label map (H, W) uint8 or uint16; InputError for other encodings
    and torn images. Their values are looked at by `check_companion`."""
    encodings = GRAY_ENCODINGS if name == MASK else LABEL_ENCODINGS
    pixels: LabelMap = pixels_from(name, message, encodings)
    return pixels


def pixels_from(name: str, message: Image, encodings: tuple[str, ...]) -> NDArray[Any]:
    """The pixels (H, W[, C]) as the message has them; InputError for other encodings than those
    of `encodings` and for torn images."""
    _check_layout(name, message, encodings)
    return np.asarray(_BRIDGE.imgmsg_to_cv2(message, "passthrough"))


def camera_from(message: CameraInfo, rectified: bool = False) -> Camera:
    """The camera of a camera_info; `rectified` takes P and no distortion.

    Raises InputError for a zero or NaN matrix, a skew, an unknown distortion model,
    coefficients of another number than the model has, numbers that no camera has, binning and
    a region of interest: those change what K means, and drivers disagree on how.
    """
    _check_whole(message)
    name = "camera_info.p" if rectified else "camera_info.k"
    matrix = np.array(message.p, dtype=float).reshape(3, 4) if rectified else _matrix(message.k)
    if not np.isfinite(matrix).all() or matrix[0, 0] <= 0 or matrix[1, 1] <= 0:
        raise InputError(expected(name, "focal lengths > 0", matrix.ravel().tolist()))
    if matrix[0, 1] != 0:
        raise InputError(expected(name, "no skew", matrix[0, 1]))
    _check_plausible(name, matrix, message.width, message.height)
    model, distortion = ("pinhole", ()) if rectified else _lens(message)
    camera = Camera(
        model,
        int(message.width),
        int(message.height),
        *(float(v) for v in (matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2])),
        distortion,
    )
    return check_camera("camera_info", camera)


def check_size(camera: Camera, image: NDArray[np.uint8]) -> None:
    """InputError unless the camera_info is of the image's size."""
    height, width = image.shape[:2]
    if (camera.width, camera.height) != (width, height):
        wanted = f"{width}x{height}, the size of the image"
        raise InputError(expected("camera_info", wanted, f"{camera.width}x{camera.height}"))


def odometry_from(message: OdometryMessage, odom_frame: str, base_frame: str) -> Odometry:
    """The odometry sample; InputError for other frames or numbers that are not finite."""
    frames = (frame_of(message.header.frame_id), frame_of(message.child_frame_id))
    if frames != (odom_frame, base_frame):
        wanted = f"frames {odom_frame} and {base_frame}"
        raise InputError(expected("odom", wanted, f"{frames[0]!r} and {frames[1]!r}"))
    pose = pose_from("odom.pose", message.pose.pose)
    covariance = covariance_of(message.pose.covariance)
    return Odometry(stamp_ns(message.header.stamp), pose, covariance)


def pose_from(name: str, message: Pose) -> FloatArray:
    """(4, 4) of a pose; InputError for NaN and for a quaternion that is zero."""
    p, q = message.position, message.orientation
    try:
        return se3.from_quaternion_xyzw((p.x, p.y, p.z), (q.x, q.y, q.z, q.w))
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def initial_pose_from(
    message: PoseWithCovarianceStamped, map_frame: str
) -> tuple[FloatArray, FloatArray]:
    """`map_from_base` and its covariance (6, 6), at least 0.1 m and 3 degrees wide.

    RViz leaves the variances of z, roll and pitch zero; nobody clicks that well.
    """
    if frame_of(message.header.frame_id) != map_frame:
        wanted = f"frame {map_frame}"
        raise InputError(expected("initialpose", wanted, repr(message.header.frame_id)))
    pose = pose_from("initialpose", message.pose.pose)
    covariance = np.array(message.pose.covariance, dtype=float).reshape(6, 6)
    covariance = checked_covariance("initialpose.covariance", covariance)
    floor: FloatArray = np.diag([0.1**2] * 3 + [np.radians(3.0) ** 2] * 3)
    return pose, covariance + floor


def checked_covariance(name: str, covariance: FloatArray) -> FloatArray:
    """The symmetric part of a matrix (6, 6); InputError for NaN and negative variances."""
    if not np.isfinite(covariance).all():
        raise InputError(expected(name, "finite numbers", "NaN or infinity"))
    symmetric: FloatArray = (covariance + covariance.T) / 2
    if np.linalg.eigvalsh(symmetric)[0] < -1e-9:
        raise InputError(expected(name, "a covariance", "negative variances"))
    return symmetric


def pose_from_transform(message: Transform) -> FloatArray:
    """(4, 4) `parent_from_child` of a transform."""
    t, q = message.translation, message.rotation
    return se3.from_quaternion_xyzw((t.x, t.y, t.z), (q.x, q.y, q.z, q.w))


def to_pose(pose: FloatArray) -> Pose:
    """The message of a (4, 4) pose."""
    position, quaternion = se3.to_quaternion_xyzw(pose)
    x, y, z = map(float, position)
    qx, qy, qz, qw = map(float, quaternion)
    return Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(x=qx, y=qy, z=qz, w=qw))


def to_pose_with_covariance(
    pose: FloatArray, covariance: FloatArray, frame: str, nanoseconds: int
) -> PoseWithCovarianceStamped:
    """The message of a pose with covariance (6, 6) in `frame` at that stamp."""
    message = PoseWithCovarianceStamped(header=header(frame, nanoseconds))
    message.pose.pose = to_pose(pose)
    message.pose.covariance = np.asarray(covariance, dtype=np.float64).ravel()
    return message


def to_pose_array(
    poses: Sequence[FloatArray] | FloatArray, frame: str, nanoseconds: int
) -> PoseArray:
    """The message of several poses in `frame` at that stamp."""
    message = PoseArray(header=header(frame, nanoseconds))
    if len(poses):  # all at once: a thousand particles one by one would take a tenth of a second
        positions, quaternions = se3.to_quaternion_xyzw(np.asarray(poses))
        message.poses = [
            Pose(
                position=Point(x=p[0], y=p[1], z=p[2]),
                orientation=Quaternion(x=q[0], y=q[1], z=q[2], w=q[3]),
            )
            for p, q in zip(positions.tolist(), quaternions.tolist(), strict=True)
        ]
    return message


def to_odometry(
    pose: FloatArray, covariance: FloatArray, source: OdometryMessage, frame: str
) -> OdometryMessage:
    """`source` with the pose (4, 4) and covariance (6, 6) of the base in `frame`; the twist and
    the stamp stay."""
    message = OdometryMessage(child_frame_id=frame_of(source.child_frame_id), twist=source.twist)
    message.header.stamp, message.header.frame_id = source.header.stamp, frame
    message.pose.pose = to_pose(pose)
    message.pose.covariance = np.asarray(covariance, dtype=np.float64).ravel()
    return message


def to_transform(pose: FloatArray, parent: str, child: str, nanoseconds: int) -> TransformStamped:
    """The message of `parent_from_child` (4, 4)."""
    plain = to_pose(pose)
    p = plain.position
    message = TransformStamped(header=header(parent, nanoseconds), child_frame_id=child)
    message.transform.translation = Vector3(x=p.x, y=p.y, z=p.z)
    message.transform.rotation = plain.orientation
    return message


def to_image(image: NDArray[Any], header: Header, encoding: str = "") -> Image:
    """The message of a (H, W, 3) RGB or (H, W) image or label map, or of pixels in a given
    encoding, under the header of its source."""
    gray = "mono16" if image.dtype == np.uint16 else "mono8"
    message = _BRIDGE.cv2_to_imgmsg(image, encoding or (gray if image.ndim == 2 else "rgb8"))
    message.header = header
    return message


def to_compressed_image(image: NDArray[np.uint8], header: Header) -> CompressedImage:
    """The message of a (H, W, 3) RGB or (H, W) image as PNG, which loses nothing."""
    pixels = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return CompressedImage(header=header, format="png", data=data.tobytes())


def to_status(
    level: bytes, name: str, text: str, values: Mapping[str, object]
) -> DiagnosticStatus:
    """The message of a status; floats with 4 decimals, None as an empty string."""
    pairs = [KeyValue(key=key, value=value_text(value)) for key, value in values.items()]
    return DiagnosticStatus(level=level, name=name, message=text, values=pairs)


def header(frame: str, nanoseconds: int) -> Header:
    """A header."""
    return Header(stamp=to_stamp(nanoseconds), frame_id=frame)


def _decoded(message: CompressedImage) -> NDArray[np.uint8]:
    """Not by cv_bridge: that would turn 16 bits into 8 without a word."""
    data = np.frombuffer(message.data, dtype=np.uint8)
    flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(data, flags) if data.size else None
    if image is None:
        raise InputError(expected("image", "a readable compressed image", f"{data.size} bytes"))
    if image.dtype != np.uint8:
        raise InputError(expected("image", "8 bits per channel", image.dtype))
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _check_layout(name: str, message: Image, encodings: tuple[str, ...]) -> None:
    if message.encoding not in encodings:
        wanted = " or ".join(encodings)
        raise InputError(expected(f"{name}.encoding", wanted, repr(message.encoding)))
    width = message.width * _BYTES_PER_PIXEL[message.encoding]
    if message.height == 0 or width == 0:
        raise InputError(expected(name, "pixels", f"{message.width}x{message.height}"))
    if message.step < width or len(message.data) < message.step * message.height:
        wanted = f"{width * message.height} bytes for {message.width}x{message.height}"
        raise InputError(expected(f"{name}.data", wanted, f"{len(message.data)} bytes"))


def _matrix(k: Sequence[float]) -> FloatArray:
    return np.array(k, dtype=float).reshape(3, 3)


def _check_whole(message: CameraInfo) -> None:
    """Binning 0 means 1; a region of 0 x 0, or of the whole image, means none."""
    for name in ("binning_x", "binning_y"):
        if getattr(message, name) not in (0, 1):
            raise InputError(expected(f"camera_info.{name}", "0 or 1", getattr(message, name)))
    roi = message.roi
    region = (roi.x_offset, roi.y_offset, roi.width, roi.height)
    if region not in ((0, 0, 0, 0), (0, 0, message.width, message.height)):
        got = f"{roi.width}x{roi.height} at {roi.x_offset}, {roi.y_offset}"
        raise InputError(expected("camera_info.roi", "the whole image", got))


def _check_plausible(name: str, matrix: FloatArray, width: int, height: int) -> None:
    if min(width, height) == 0:  # `check_camera` says so
        return
    least, most = _FOCAL_LENGTHS[0] * width, _FOCAL_LENGTHS[1] * width
    if not least <= min(matrix[0, 0], matrix[1, 1]) <= max(matrix[0, 0], matrix[1, 1]) <= most:
        wanted = f"focal lengths of {least:g} to {most:g} px for a width of {width}"
        raise InputError(expected(name, wanted, f"{matrix[0, 0]:g} and {matrix[1, 1]:g}"))
    off = abs(matrix[:2, 2] - np.array([width, height]) / 2) / [width, height]
    if max(off) > _MAX_CENTRE_OFF:
        wanted = f"a principal point within {_MAX_CENTRE_OFF} image sizes of the centre"
        raise InputError(expected(name, wanted, f"{matrix[0, 2]:g}, {matrix[1, 2]:g}"))


def _lens(message: CameraInfo) -> tuple[CameraModel, tuple[float, ...]]:
    name = message.distortion_model
    coefficients = tuple(float(d) for d in message.d)
    if name in ("", "plumb_bob", "rational_polynomial") and not any(coefficients):
        return "pinhole", ()
    if name not in _MODELS:
        wanted = " or ".join(_MODELS)
        raise InputError(expected("camera_info.distortion_model", wanted, repr(name)))
    if name == "rational_polynomial" and not any(coefficients[8:]):
        coefficients = coefficients[:8]  # drivers fill up OpenCV's 12 or 14 with zeros
    if len(coefficients) not in _COUNTS[name]:
        wanted = " or ".join(map(str, _COUNTS[name]))
        raise InputError(expected(f"camera_info.d of {name}", wanted, len(coefficients)))
    return _MODELS[name], coefficients
