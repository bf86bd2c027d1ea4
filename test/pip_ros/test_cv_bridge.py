"""cv_bridge: pixels, layouts and colours, against numbers and against OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from cv_bridge import CvBridge, CvBridgeError
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

LAYOUTS = {
    "mono8": (np.uint8, 1),
    "8UC1": (np.uint8, 1),
    "mono16": (np.uint16, 1),
    "16UC1": (np.uint16, 1),
    "32FC1": (np.float32, 1),
    "64FC1": (np.float64, 1),
    "8SC1": (np.int8, 1),
    "16SC1": (np.int16, 1),
    "32SC1": (np.int32, 1),
    "32FC2": (np.float32, 2),
    "rgb8": (np.uint8, 3),
    "bgr8": (np.uint8, 3),
    "8UC3": (np.uint8, 3),
    "rgb16": (np.uint16, 3),
    "rgba8": (np.uint8, 4),
    "bgra8": (np.uint8, 4),
    "bayer_rggb8": (np.uint8, 1),
}
COLORS = ["mono8", "rgb8", "bgr8", "rgba8", "bgra8"]


@pytest.fixture
def bridge() -> CvBridge:
    return CvBridge()


def picture(encoding: str, height: int = 5, width: int = 7) -> np.ndarray:
    dtype, channels = LAYOUTS[encoding]
    random = np.random.default_rng(7)
    shape = (height, width) if channels == 1 else (height, width, channels)
    if np.issubdtype(dtype, np.floating):
        return random.normal(size=shape).astype(dtype)
    limits = np.iinfo(dtype)
    return random.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def message(pixels: np.ndarray, encoding: str, padding: int = 0, big: bool = False) -> Image:
    """Built by hand: each row its bytes, then `padding` bytes of 0xEE."""
    pixels = pixels.astype(pixels.dtype.newbyteorder(">" if big else "<"))
    rows = [row.tobytes() + b"\xee" * padding for row in pixels]
    result = Image(height=pixels.shape[0], width=pixels.shape[1], encoding=encoding)
    result.is_bigendian = int(big)
    result.step = len(rows[0])
    result.data.frombytes(b"".join(rows))
    return result


@pytest.mark.parametrize("encoding", LAYOUTS)
def test_pixels_come_out_as_they_went_in(bridge, encoding):
    pixels = picture(encoding)
    sent = bridge.cv2_to_imgmsg(pixels, encoding)
    assert sent == message(pixels, encoding)
    for desired in ("passthrough", encoding):
        found = bridge.imgmsg_to_cv2(sent, desired)
        assert found.dtype == pixels.dtype and found.shape == pixels.shape
        np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize("encoding", ["mono8", "bgr8", "mono16", "32FC1", "rgba8", "32FC2"])
def test_padded_rows_are_cut(bridge, encoding):
    pixels = picture(encoding)
    padding = 2 * pixels[0, :1].nbytes
    found = bridge.imgmsg_to_cv2(message(pixels, encoding, padding))
    np.testing.assert_array_equal(found, pixels)
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(
        bridge.imgmsg_to_cv2(message(pixels, encoding, padding), encoding), pixels
    )


@pytest.mark.parametrize("encoding", ["mono16", "16UC1", "32FC1", "rgb16"])
@pytest.mark.parametrize("padded", [0, 1])
def test_big_endian_numbers_are_read(bridge, encoding, padded):
    pixels = picture(encoding)
    sent = message(pixels, encoding, padded * pixels[0, :1].nbytes, big=True)
    found = bridge.imgmsg_to_cv2(sent)
    np.testing.assert_array_equal(found, pixels)
    assert found.dtype.isnative


def test_big_endian_arrays_are_sent_as_such(bridge):
    pixels = picture("mono16")
    sent = bridge.cv2_to_imgmsg(pixels.astype(">u2"), "mono16")
    assert sent.is_bigendian
    np.testing.assert_array_equal(bridge.imgmsg_to_cv2(sent), pixels)


def test_passthrough_shares_the_message_and_an_encoding_does_not(bridge):
    sent = bridge.cv2_to_imgmsg(np.zeros((4, 6, 3), np.uint8), "bgr8")
    own, shared = bridge.imgmsg_to_cv2(sent, "bgr8"), bridge.imgmsg_to_cv2(sent)
    own[:] = 9
    assert not np.asarray(sent.data).any()
    assert np.shares_memory(shared, np.asarray(sent.data))


@pytest.mark.parametrize("source", COLORS)
@pytest.mark.parametrize("target", COLORS)
def test_colors_are_converted_as_opencv_does(bridge, source, target):
    pixels = picture(source, 16, 24)
    found = bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(pixels, source), target)
    opencv = {"mono8": "GRAY", "rgb8": "RGB", "bgr8": "BGR", "rgba8": "RGBA", "bgra8": "BGRA"}
    expected = pixels
    if source != target:
        code = getattr(cv2, f"COLOR_{opencv[source]}2{opencv[target]}")
        expected = cv2.cvtColor(pixels, code)
    assert found.shape == expected.shape and found.dtype == np.uint8
    # the implementations' libraries may differ in the last bit of the grey value
    assert np.abs(found.astype(int) - expected).max() <= (1 if target == "mono8" else 0)


def test_red_stays_red(bridge):
    red = np.zeros((1, 1, 3), np.uint8)
    red[..., 0] = 255
    sent = bridge.cv2_to_imgmsg(red, "rgb8")
    assert bridge.imgmsg_to_cv2(sent, "bgr8").ravel().tolist() == [0, 0, 255]
    assert bridge.imgmsg_to_cv2(sent, "rgba8").ravel().tolist() == [255, 0, 0, 255]
    assert abs(int(bridge.imgmsg_to_cv2(sent, "mono8")[0, 0]) - 76) <= 1


def test_padded_color_is_converted(bridge):
    pixels = picture("rgb8")
    found = bridge.imgmsg_to_cv2(message(pixels, "rgb8", padding=6), "bgr8")
    np.testing.assert_array_equal(found, pixels[..., ::-1])


def test_depths_of_grey_are_scaled_onto_each_other(bridge):
    small = np.array([[0, 1, 128, 255]], np.uint8)
    large = bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(small, "mono8"), "mono16")
    np.testing.assert_array_equal(large, [[0, 257, 32896, 65535]])
    wide = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16)
    narrow = bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(wide, "mono16"), "mono8")
    np.testing.assert_array_equal(narrow, [[0, 0, 1, 1, 128, 255]])


def test_color_and_depth_change_together(bridge):
    grey = np.array([[0, 257, 65535]], np.uint16)
    found = bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(grey, "mono16"), "bgr8")
    np.testing.assert_array_equal(found, [[[0] * 3, [1] * 3, [255] * 3]])


def test_plain_numbers_change_their_depth_with_saturation(bridge):
    depth = np.array([[0, 1500, 65535]], np.uint16)
    metres = bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(depth, "16UC1"), "32FC1")
    assert metres.dtype == np.float32
    np.testing.assert_array_equal(metres, [[0.0, 1500.0, 65535.0]])
    real = np.array([[-3.0, 2.4, 2.6, 1e6]], np.float32)
    whole = bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(real, "32FC1"), "16UC1")
    np.testing.assert_array_equal(whole, [[0, 2, 3, 65535]])


def test_color_may_lose_its_meaning_but_not_gain_one(bridge):
    pixels = picture("bgr8")
    found = bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(pixels, "bgr8"), "8UC3")
    np.testing.assert_array_equal(found, pixels)
    for source, target in (("8UC3", "bgr8"), ("32FC1", "mono8"), ("bgr8", "8UC1")):
        sent = bridge.cv2_to_imgmsg(picture(source), source)
        with pytest.raises(CvBridgeError):
            bridge.imgmsg_to_cv2(sent, target)


def test_a_bayer_pattern_is_interpolated(bridge):
    """A grey scene seen through the pattern is grey again; a red one lights the red pixels."""
    grey = np.full((8, 8), 90, np.uint8)
    found = bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(grey, "bayer_rggb8"), "bgr8")
    np.testing.assert_array_equal(found, np.full((8, 8, 3), 90))
    red = np.zeros((8, 8), np.uint8)
    red[::2, ::2] = 200
    found = bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(red, "bayer_rggb8"), "rgb8")
    assert found[2:6, 2:6, 0].min() > 150 and found[2:6, 2:6, 1:].max() == 0


def test_the_type_names_the_encoding_where_none_is_given(bridge):
    assert bridge.cv2_to_imgmsg(np.zeros((2, 3), np.uint8)).encoding == "8UC1"
    assert bridge.cv2_to_imgmsg(np.zeros((2, 3, 3), np.float32)).encoding == "32FC3"


def test_the_header_is_taken_over(bridge):
    header = Header(frame_id="camera")
    header.stamp.sec = 5
    assert bridge.cv2_to_imgmsg(np.zeros((2, 3), np.uint8), "mono8", header).header == header


def test_slices_are_sent_whole(bridge):
    pixels = picture("bgr8", 10, 12)[1:9:2, ::-3]
    sent = bridge.cv2_to_imgmsg(pixels, "bgr8")
    assert (sent.height, sent.width, sent.step) == (4, 4, 12)
    np.testing.assert_array_equal(bridge.imgmsg_to_cv2(sent), pixels)


def test_an_array_must_fit_the_encoding(bridge):
    for pixels, encoding in (
        (np.zeros((2, 3), np.uint8), "bgr8"),
        (np.zeros((2, 3), np.uint16), "mono8"),
        (np.zeros((2, 3, 3), np.uint8), "no such encoding"),
    ):
        with pytest.raises(CvBridgeError):
            bridge.cv2_to_imgmsg(pixels, encoding)
    with pytest.raises(TypeError):
        bridge.cv2_to_imgmsg([[1, 2]], "mono8")


def test_a_message_must_hold_what_it_says(bridge):
    short = message(picture("mono8"), "mono8")
    short.data = short.data[:-1]
    with pytest.raises(TypeError):
        bridge.imgmsg_to_cv2(short)
    unknown = message(picture("mono8"), "mono8")
    unknown.encoding = "no such encoding"
    with pytest.raises(CvBridgeError):
        bridge.imgmsg_to_cv2(unknown)


def test_encodings_are_looked_up(bridge):
    assert bridge.encoding_to_dtype_with_channels("mono16") == ("uint16", 1)
    assert bridge.encoding_to_dtype_with_channels("bgra8") == ("uint8", 4)
    assert bridge.encoding_to_dtype_with_channels("32FC2") == ("float32", 2)
    assert bridge.encoding_to_cvtype2("rgb8") == cv2.CV_8UC3
    assert bridge.dtype_with_channels_to_cvtype2(np.dtype(np.int16), 2) == "16SC2"


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3)], ids=["grey", "color"])
def test_png_gives_the_pixels_back(bridge, shape):
    pixels = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    sent = bridge.cv2_to_compressed_imgmsg(pixels, "png")
    assert isinstance(sent, CompressedImage) and sent.format == "png"
    np.testing.assert_array_equal(bridge.compressed_imgmsg_to_cv2(sent), pixels)


def test_sixteen_bits_survive_png(bridge):
    pixels = np.random.default_rng(3).integers(0, 65536, (20, 30), dtype=np.uint16)
    sent = bridge.cv2_to_compressed_imgmsg(pixels, "png")
    np.testing.assert_array_equal(bridge.compressed_imgmsg_to_cv2(sent), pixels)


def test_jpeg_comes_close_and_is_the_default(bridge):
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    pixels = cv2.merge([ramp, ramp[:, ::-1], np.full_like(ramp, 120)])
    sent = bridge.cv2_to_compressed_imgmsg(pixels)
    assert sent.format == "jpg" and bytes(sent.data[:2]) == b"\xff\xd8"
    found = bridge.compressed_imgmsg_to_cv2(sent)
    assert np.abs(found.astype(int) - pixels).mean() < 3.0


def test_compressed_color_is_converted(bridge):
    pixels = np.random.default_rng(3).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    sent = bridge.cv2_to_compressed_imgmsg(pixels, "png")
    np.testing.assert_array_equal(bridge.compressed_imgmsg_to_cv2(sent, "bgr8"), pixels)
    found = bridge.compressed_imgmsg_to_cv2(sent, "rgb8")
    np.testing.assert_array_equal(found, pixels[..., ::-1])
    grey = bridge.compressed_imgmsg_to_cv2(sent, "mono8")
    expected = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    assert np.abs(grey.astype(int) - expected).max() <= 1
