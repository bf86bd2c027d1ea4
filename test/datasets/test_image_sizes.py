"""Sizes from headers are those of the decoded images."""

import cv2
import numpy as np
import pytest

from semloc_ros.datasets.image_sizes import image_size
from semloc_ros.errors import DatasetError


@pytest.mark.parametrize("options", [[], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]])
def test_jpeg(tmp_path, options):
    path = tmp_path / "a.jpg"
    cv2.imwrite(str(path), np.zeros((37, 300), np.uint8), options)
    assert image_size(path) == (300, 37)


def test_png(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((37, 300, 3), np.uint8))
    assert image_size(tmp_path / "a.png") == (300, 37)


def test_real_images(shared_data):
    assert image_size(shared_data("redkitchen") / "frame-000000.color.jpg") == (640, 480)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "no such file"),
        (b"", "another file"),
        (b"GIF89a", "another file"),
        (b"\xff\xd8\xff\xe0\x00", "another file"),
        (b"\xff\xd8\xff\xe0\x00\x00\x00", "another file"),
    ],
)
def test_other_files_are_one_line(tmp_path, content, complaint):
    path = tmp_path / "a.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DatasetError, match=f"a.jpg: expected .*image, got {complaint}"):
        image_size(path)
