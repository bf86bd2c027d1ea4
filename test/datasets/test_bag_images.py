"""Every encoding comes out as RGB or grey; what cannot be decoded says so."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from semloc_ros.datasets.bag_images import ImageSource, decode_image, decode_labels
from semloc_ros.datasets.bag_reader import messages
from semloc_ros.errors import DatasetError
from semloc_ros.types import Camera

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 255, (6, 8, 3), dtype=np.uint8)
GREY = RGB[:, :, 0]
WIDE = RNG.integers(0, 65535, (6, 8), dtype=np.uint16)
ALPHA = np.full((6, 8, 1), 9, np.uint8)
TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")


def only_message(folder):
    ((_, message),) = messages(folder, "/image", TYPES)
    return message


@pytest.mark.parametrize(
    ("encoding", "pixels", "wanted"),
    [
        ("rgb8", RGB, RGB),
        ("bgr8", RGB[:, :, ::-1], RGB),
        ("8UC3", RGB[:, :, ::-1], RGB),
        ("rgba8", np.concatenate([RGB, ALPHA], axis=2), RGB),
        ("bgra8", np.concatenate([RGB[:, :, ::-1], ALPHA], axis=2), RGB),
        ("mono8", GREY, GREY),
        ("mono16", WIDE, (WIDE >> 8).astype(np.uint8)),
        ("16UC1", WIDE, (WIDE >> 8).astype(np.uint8)),
    ],
)
@pytest.mark.parametrize("padding", [0, 5])
def test_raw_encodings(tiny_bag, tmp_path, encoding, pixels, wanted, padding):
    with tiny_bag() as bag:
        bag.raw_image("/image", 1, pixels, encoding, padding=padding)
    image = decode_image("image", only_message(tmp_path / "bag"))
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, wanted)


def test_big_endian_16_bit(tiny_bag, tmp_path):
    with tiny_bag() as bag:
        bag.raw_image("/image", 1, WIDE.astype(">u2"), "mono16", big=1)
    image = decode_image("image", only_message(tmp_path / "bag"))
    np.testing.assert_array_equal(image, WIDE >> 8)


@pytest.mark.parametrize(("encoding", "big"), [("mono16", 0), ("mono16", 1), ("16UC1", 0)])
def test_label_maps_keep_all_their_bits(tiny_bag, tmp_path, encoding, big):
    with tiny_bag() as bag:
        bag.raw_image("/image", 1, WIDE.astype(">u2" if big else "<u2"), encoding, big=big)
    labels = decode_labels("labels", only_message(tmp_path / "bag"))
    assert labels.dtype == np.uint16
    np.testing.assert_array_equal(labels, WIDE)


def test_label_maps_are_no_colour_images(tiny_bag, tmp_path):
    narrow = (WIDE >> 8).astype(np.uint8)
    with tiny_bag() as bag:
        bag.raw_image("/image", 1, narrow, "mono8")
    labels = decode_labels("labels", only_message(tmp_path / "bag"))
    np.testing.assert_array_equal(labels, narrow)
    message = only_message(tmp_path / "bag")
    message.encoding = "rgb8"
    with pytest.raises(DatasetError, match="labels: expected mono8 or .* got 'rgb8'"):
        decode_labels("labels", message)


def test_compressed_label_maps_are_read_as_they_are():
    for pixels in (WIDE, (WIDE >> 8).astype(np.uint8)):
        data = cv2.imencode(".png", pixels)[1].ravel()
        labels = decode_labels("labels", SimpleNamespace(data=data, format="png"))
        assert labels.dtype == pixels.dtype
        np.testing.assert_array_equal(labels, pixels)
    colour = cv2.imencode(".png", np.zeros((4, 6, 3), np.uint8))[1].ravel()
    for data in (colour, np.zeros(0, np.uint8)):
        with pytest.raises(DatasetError, match="labels: expected a label map of 8 or 16 bits"):
            decode_labels("labels", SimpleNamespace(data=data, format="png"))


def test_bayer_keeps_red_red(tiny_bag, tmp_path):
    mosaic = np.zeros((6, 8), np.uint8)
    mosaic[0::2, 0::2] = 200  # the red cells of RGGB
    with tiny_bag() as bag:
        bag.raw_image("/image", 1, mosaic, "bayer_rggb8")
    image = decode_image("image", only_message(tmp_path / "bag"))
    assert image[2:4, 2:6, 0].mean() > 150 and image[2:4, 2:6, 2].max() == 0


def test_compressed_colour_and_grey(tiny_bag, tmp_path):
    with tiny_bag() as bag:
        bag.compressed_image("/image", 1, RGB[:, :, ::-1])
    np.testing.assert_array_equal(decode_image("image", only_message(tmp_path / "bag")), RGB)


def test_compressed_grey_stays_grey(tiny_bag, tmp_path):
    with tiny_bag() as bag:
        bag.compressed_image("/image", 1, GREY)
    np.testing.assert_array_equal(decode_image("image", only_message(tmp_path / "bag")), GREY)


def test_undecodable_images_are_one_clear_line(tiny_bag, tmp_path):
    with tiny_bag() as bag:
        bag.compressed_image("/image", 1, None)
        bag.raw_image("/yuv", 1, RGB, "yuv422")
    with pytest.raises(DatasetError, match="image: expected a compressed image, got 4 bytes"):
        decode_image("image", only_message(tmp_path / "bag"))
    ((_, message),) = messages(tmp_path / "bag", "/yuv", TYPES)
    with pytest.raises(DatasetError, match="expected rgb8 or .*, got 'yuv422'"):
        decode_image("image", message)
    message.encoding, message.data = "rgb8", message.data[:10]
    with pytest.raises(DatasetError, match="expected whole rows, got 10 bytes for 8x6"):
        decode_image("image", message)


def test_an_image_of_another_size_than_its_camera(tiny_bag, tmp_path):
    with tiny_bag() as bag:
        bag.raw_image("/image", 1, GREY, "mono8")
    source = ImageSource(tmp_path / "bag", "/image", Camera("pinhole", 9, 6, 1, 1, 1, 1))
    with pytest.raises(DatasetError, match="expected 9x6 as in camera_info, got 8x6"):
        source.read(10**6, 10**6)
