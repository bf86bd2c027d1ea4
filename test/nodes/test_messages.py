"""Messages to values and back: what is taken, what is refused, and in which words."""

import cv2
import numpy as np
import pytest
from geometry_msgs.msg import Pose, PoseWithCovarianceStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, RegionOfInterest
from std_msgs.msg import Header

from semloc_ros.errors import InputError
from semloc_ros.geometry import se3
from semloc_ros.nodes import messages

RNG = np.random.default_rng(5)
COLOR = RNG.integers(0, 255, (4, 6, 3), np.uint8)
GRAY = RNG.integers(0, 255, (4, 6), np.uint8)


def raw(pixels, encoding, padding=0):
    rows = pixels.reshape(pixels.shape[0], -1).view(np.uint8)
    step = rows.shape[1] + padding
    data = np.pad(rows, ((0, 0), (0, padding)), constant_values=77).tobytes()
    return Image(
        height=pixels.shape[0], width=pixels.shape[1], encoding=encoding, step=step, data=data
    )


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    ("pixels", "encoding", "wanted"),
    [
        (COLOR, "rgb8", COLOR),
        (COLOR[..., ::-1].copy(), "bgr8", COLOR),
        (COLOR[..., ::-1].copy(), "8UC3", COLOR),
        (np.dstack([COLOR, GRAY]), "rgba8", COLOR),
        (np.dstack([COLOR[..., ::-1], GRAY]), "bgra8", COLOR),
        (GRAY, "mono8", GRAY),
        (GRAY, "8UC1", GRAY),
    ],
)
def test_raw_images_become_rgb_or_gray(pixels, encoding, wanted, padding):
    np.testing.assert_array_equal(messages.image_from(raw(pixels, encoding, padding)), wanted)


def test_compressed_images_become_rgb_or_gray():
    for pixels, stored in ((COLOR, COLOR[..., ::-1]), (GRAY, GRAY)):
        data = cv2.imencode(".png", stored)[1].tobytes()
        found = messages.image_from(CompressedImage(format="png", data=data))
        np.testing.assert_array_equal(found, pixels)


def test_exif_orientation_does_not_turn_a_compressed_image():
    from io import BytesIO

    PIL = pytest.importorskip("PIL.Image")
    file, exif = BytesIO(), PIL.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    PIL.fromarray(COLOR).save(file, "jpeg", exif=exif)
    found = messages.image_from(CompressedImage(format="jpeg", data=file.getvalue()))
    assert found.shape == COLOR.shape


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (raw(GRAY.astype(np.uint16), "mono16"), "image.encoding: expected .* got 'mono16'"),
        (Image(encoding="mono8"), "image: expected pixels, got 0x0"),
        (Image(encoding="mono8", height=9, width=9, step=9), "image.data: expected 81 bytes"),
        (Image(encoding="rgb8", height=1, width=9, step=9, data=b"x" * 9), "expected 27 bytes"),
        (CompressedImage(data=b""), "a readable compressed image, got 0 bytes"),
        (CompressedImage(data=b"no image"), "a readable compressed image, got 8 bytes"),
        (
            CompressedImage(data=cv2.imencode(".png", GRAY.astype(np.uint16))[1].tobytes()),
            "image: expected 8 bits per channel, got uint16",
        ),
    ],
)
def test_bad_images_are_refused_in_one_line(message, words):
    with pytest.raises(InputError, match=words) as caught:
        messages.image_from(message)
    assert "\n" not in str(caught.value)


def test_masks_are_of_8_bits_and_label_maps_of_8_or_16():
    mask = np.where(GRAY > 128, 255, 0).astype(np.uint8)
    np.testing.assert_array_equal(messages.companion_from("mask", raw(mask, "mono8")), mask)
    with pytest.raises(InputError, match="mask.encoding: expected mono8 or 8UC1, got 'rgb8'"):
        messages.companion_from("mask", raw(COLOR, "rgb8"))
    fine = (GRAY.astype(np.uint16) * 257)
    with pytest.raises(InputError, match="mask.encoding"):
        messages.companion_from("mask", raw(fine, "mono16"))
    for encoding in ("mono16", "16UC1"):
        labels = messages.companion_from("labels", raw(fine, encoding))
        assert labels.dtype == np.uint16
        np.testing.assert_array_equal(labels, fine)
    swapped = raw(fine.byteswap(), "mono16")
    swapped.is_bigendian = 1
    np.testing.assert_array_equal(messages.companion_from("labels", swapped), fine)
    torn = raw(fine, "mono16")
    torn.data = torn.data[:-1]
    with pytest.raises(InputError, match="labels.data: expected"):
        messages.companion_from("labels", torn)
    sent = messages.to_image(fine, messages.header("camera", 5))
    assert sent.encoding == "mono16"
    np.testing.assert_array_equal(messages.companion_from("labels", sent), fine)


def k_of(fx=500.0, fy=510.0, cx=320.0, cy=240.0):
    return [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]


def camera_info(**changes):
    info = CameraInfo(width=640, height=480, distortion_model="plumb_bob")
    info.k = [500.0, 0.0, 320.0, 0.0, 510.0, 240.0, 0.0, 0.0, 1.0]
    info.p = [400.0, 0.0, 310.0, 0.0, 0.0, 410.0, 230.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    info.d = [0.1, -0.2, 0.001, 0.002, 0.05]
    for key, value in changes.items():
        setattr(info, key, value)
    return info


@pytest.mark.parametrize(
    ("changes", "model", "distortion"),
    [
        ({}, "radtan", (0.1, -0.2, 0.001, 0.002, 0.05)),
        ({"d": [0.1, 0.2, 0.0, 0.0]}, "radtan", (0.1, 0.2, 0.0, 0.0)),
        ({"d": [0.0] * 5}, "pinhole", ()),
        ({"d": [], "distortion_model": ""}, "pinhole", ()),
        (
            {"d": [0.1] * 8 + [0.0] * 6, "distortion_model": "rational_polynomial"},
            "radtan",
            (0.1,) * 8,
        ),
        ({"d": [0.0] * 4, "distortion_model": "equidistant"}, "fisheye", (0.0,) * 4),
    ],
)
def test_camera_models(changes, model, distortion):
    camera = messages.camera_from(camera_info(**changes))
    assert (camera.model, camera.distortion) == (model, distortion)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (500.0, 510.0, 320.0, 240.0)
    assert (camera.width, camera.height) == (640, 480)


def test_a_rectified_camera_takes_p_without_distortion():
    camera = messages.camera_from(camera_info(), rectified=True)
    assert (camera.model, camera.distortion) == ("pinhole", ())
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (400.0, 410.0, 310.0, 230.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"k": [0.0] * 9}, "camera_info.k: expected focal lengths > 0"),
        ({"k": [float("nan")] * 9}, "camera_info.k: expected focal lengths > 0"),
        ({"k": [500.0, 1.0, 320.0, 0.0, 500.0, 240.0, 0.0, 0.0, 1.0]}, "no skew"),
        ({"distortion_model": "magic"}, "camera_info.distortion_model: expected plumb_bob or"),
        ({"d": [0.1]}, "camera_info.d of plumb_bob: expected 4 or 5, got 1"),
        ({"d": [0.1, float("nan"), 0.0, 0.0]}, "camera_info: expected finite"),
        ({"width": 0}, "camera_info: expected a positive size"),
        ({"k": k_of(fx=1e-3)}, "camera_info.k: expected focal lengths of 32 to 32000 px"),
        ({"k": k_of(fx=5e6)}, "focal lengths of 32 to 32000 px .* got 5e[+]06 and 510"),
        ({"k": k_of(cx=1e5)}, "camera_info.k: expected a principal point within 3"),
        ({"k": k_of(cy=-2e3)}, "camera_info.k: expected a principal point within 3"),
        ({"binning_x": 2}, "camera_info.binning_x: expected 0 or 1, got 2"),
        ({"binning_y": 4}, "camera_info.binning_y: expected 0 or 1, got 4"),
        (
            {"roi": RegionOfInterest(x_offset=10, width=100, height=100)},
            "camera_info.roi: expected the whole image, got 100x100 at 10, 0",
        ),
        (
            {"d": [0.1] * 12, "distortion_model": "rational_polynomial"},
            "rational_polynomial: expected 8, got 12",
        ),
    ],
)
def test_bad_camera_info_is_refused_in_one_line(changes, words):
    with pytest.raises(InputError, match=words):
        messages.camera_from(camera_info(**changes))


def test_no_binning_and_the_whole_region_may_be_said_outright():
    whole = RegionOfInterest(width=640, height=480)
    assert messages.camera_from(camera_info(binning_x=1, binning_y=1, roi=whole)).fx == 500.0


def test_zero_p_is_refused_when_rectified():
    with pytest.raises(InputError, match="camera_info.p"):
        messages.camera_from(camera_info(p=[0.0] * 12), rectified=True)


def test_camera_of_another_size():
    camera = messages.camera_from(camera_info())
    messages.check_size(camera, np.zeros((480, 640), np.uint8))
    with pytest.raises(InputError, match="expected 320x240, the size of the image, got 640x480"):
        messages.check_size(camera, np.zeros((240, 320, 3), np.uint8))


def odometry(frame="odom", child="base_link", **changes):
    message = Odometry(header=messages.header(frame, 123_456_789_012), child_frame_id=child)
    message.pose.pose = messages.to_pose(se3.exp([1, 2, 3, 0.1, 0.2, 0.3]))
    for key, value in changes.items():
        setattr(message.pose.pose.position, key, value)
    return message


def test_odometry():
    sample = messages.odometry_from(odometry(), "odom", "base_link")
    assert sample.stamp_ns == 123_456_789_012
    np.testing.assert_allclose(sample.odom_from_base, se3.exp([1, 2, 3, 0.1, 0.2, 0.3]), atol=1e-9)


def test_odometry_carries_its_covariance_if_it_has_one():
    message = odometry()
    assert messages.odometry_from(message, "odom", "base_link").covariance is None
    covariance = np.diag([0.1, 0.2, 0.3, 0.01, 0.02, 0.03])
    message.pose.covariance = covariance.ravel()
    sample = messages.odometry_from(message, "odom", "base_link")
    np.testing.assert_array_equal(sample.covariance, covariance)


def test_odometry_in_the_map_keeps_stamp_and_twist():
    source = odometry(child="/base_link")
    source.twist.twist.angular.z = 0.3
    pose, covariance = se3.exp(RNG.normal(size=6)), RNG.normal(size=(6, 6))
    message = messages.to_odometry(pose, covariance, source, "map")
    assert (message.header.frame_id, message.child_frame_id) == ("map", "base_link")
    assert messages.stamp_ns(message.header.stamp) == 123_456_789_012
    assert message.twist.twist.angular.z == 0.3
    np.testing.assert_allclose(messages.pose_from("", message.pose.pose), pose, atol=1e-12)
    np.testing.assert_array_equal(np.reshape(message.pose.covariance, (6, 6)), covariance)
    assert source.header.frame_id == "odom", "what came in is as it was"


@pytest.mark.parametrize("count", [0, 1, 3])
def test_pose_arrays_keep_their_order(count):
    poses = se3.exp(RNG.normal(size=(count, 6)))
    message = messages.to_pose_array(tuple(poses), "map", 7)
    found = [messages.pose_from("", one) for one in message.poses]
    assert message.header.frame_id == "map" and len(found) == count
    np.testing.assert_allclose(np.reshape(found, (count, 4, 4)), poses, atol=1e-12)


def test_leading_slashes_of_frames_do_not_matter():
    slashed = odometry(frame="/odom", child="/base_link")
    assert messages.odometry_from(slashed, "odom", "base_link").stamp_ns == 123_456_789_012
    messages.initial_pose_from(initial_pose(frame="/map"), "map")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (odometry(x=float("nan")), "odom.pose: .*finite"),
        (odometry(y=float("inf")), "odom.pose: .*finite"),
        (odometry(child="base_footprint"), "expected frames odom and base_link"),
        (odometry(frame="map"), "got 'map' and 'base_link'"),
    ],
)
def test_bad_odometry_is_refused_in_one_line(message, words):
    with pytest.raises(InputError, match=words):
        messages.odometry_from(message, "odom", "base_link")


def test_a_zero_quaternion_is_no_pose():
    pose = Pose()
    pose.orientation.w = 0.0
    with pytest.raises(InputError, match="pose: .*unit quaternion"):
        messages.pose_from("pose", pose)


def initial_pose(covariance=None, frame="map"):
    covariance = np.zeros((6, 6)) if covariance is None else covariance
    return messages.to_pose_with_covariance(se3.exp([1, 2, 0, 0, 0, 1]), covariance, frame, 5)


def test_an_initial_pose_never_claims_to_be_certain():
    pose, covariance = messages.initial_pose_from(initial_pose(), "map")
    np.testing.assert_allclose(pose, se3.exp([1, 2, 0, 0, 0, 1]), atol=1e-9)
    assert np.linalg.eigvalsh(covariance)[0] >= 0.002


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (initial_pose(frame="odom"), "expected frame map, got 'odom'"),
        (initial_pose(np.full((6, 6), np.nan)), "initialpose.covariance: expected finite"),
        (initial_pose(-np.eye(6)), "initialpose.covariance: expected a covariance"),
    ],
)
def test_bad_initial_poses(message, words):
    with pytest.raises(InputError, match=words):
        messages.initial_pose_from(message, "map")


def test_pose_with_covariance_keeps_rows_and_order():
    covariance = RNG.normal(size=(6, 6))
    message = messages.to_pose_with_covariance(np.eye(4), covariance, "map", 1_500_000_007)
    assert isinstance(message, PoseWithCovarianceStamped)
    np.testing.assert_array_equal(np.reshape(message.pose.covariance, (6, 6)), covariance)
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (1, 500_000_007)


def test_transforms_round_trip():
    pose = se3.exp(RNG.normal(size=6))
    message = messages.to_transform(pose, "map", "odom", 7)
    assert (message.header.frame_id, message.child_frame_id) == ("map", "odom")
    np.testing.assert_allclose(messages.pose_from_transform(message.transform), pose, atol=1e-12)


def test_images_round_trip_under_their_header():
    header = Header(frame_id="camera")
    message = messages.to_image(COLOR, header)
    assert message.header.frame_id == "camera" and message.encoding == "rgb8"
    np.testing.assert_array_equal(messages.image_from(message), COLOR)


def test_status_values_are_words():
    status = messages.to_status(b"\x00", "n", "t", {"a": 0.5, "b": None, "c": 3, "d": True})
    values = [(pair.key, pair.value) for pair in status.values]
    assert values == [("a", "0.5000"), ("b", ""), ("c", "3"), ("d", "True")]
