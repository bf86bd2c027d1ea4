"""What masks leave out of a map, and what a mask may be."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from semloc_ros.config import FeaturesConfig
from semloc_ros.errors import MapError
from semloc_ros.maps.builder import build_map
from semloc_ros.maps.masks import Masks, masks_of_folder
from semloc_ros.maps.workspace import Workspace, features_key
from semloc_ros.types import Features

SPLIT = 320  # columns from here on are masked


def right_half(image, pixels):
    mask = np.zeros(pixels.shape[:2], np.uint8)
    mask[:, SPLIT:] = 255
    return mask


def masking(session):
    """The session's extractor, that leaves out what lies under a mask."""

    def extract(pixels, mask=None):
        found = session.extract(pixels)
        if mask is None:
            return found
        u, v = np.clip(np.rint(found.keypoints).astype(int), 0, (639, 479)).T
        free = mask[v, u] == 0
        return Features(
            found.model, found.keypoints[free], found.scales[free], found.descriptors[free]
        )

    return extract


def test_features_under_masks_do_not_come_into_the_map(session, config, synthetic_map, tmp_path):
    masks = Masks(right_half, "the right half")
    built = build_map(
        session.images, masking(session), config, tmp_path / "map", masks=masks
    )
    assert 100 < built.num_points < synthetic_map.num_points
    assert built.keypoints[:, 0].max() < SPLIT < synthetic_map.keypoints[:, 0].max()
    assert built.manifest.build["masks"] == {"source": "the right half", "share": 0.5}
    assert "masks" not in synthetic_map.manifest.build


def test_other_masks_make_other_features(session, config, tmp_path):
    """A build that was stopped must not go on with features of other masks, or of none."""
    image, pixels = session.images[0], session.images[0].read()
    none, half = np.zeros((480, 640), np.uint8), right_half(None, pixels)
    keys = {
        features_key(image, pixels, "synthetic", FeaturesConfig(), mask)
        for mask in (None, none, half)
    }
    assert len(keys) == 3


def test_masks_with_a_seal_are_made_once(session, tmp_path):
    asked = []

    def read(image, pixels):
        asked.append(image.name)
        return right_half(image, pixels)

    image, pixels, work = session.images[0], session.images[0].read(), Workspace(tmp_path / "work")
    for seal in ("one", "one", "two"):
        found = Masks(read, "model", seal).of(image, pixels, work)
        assert np.array_equal(found, right_half(image, pixels))
    assert len(asked) == 2
    Masks(read, "folder").of(image, pixels, work)
    assert len(asked) == 3  # files are read again: they may have changed
    work.remove()
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("name", ["view0.png", "{stamp}.png"])
def test_files_are_found_by_name_or_stamp(name, session, tmp_path):
    image, pixels = session.images[0], session.images[0].read()
    stored = np.zeros((480, 640), np.uint8)
    stored[:9] = 1  # not 255, and dynamic all the same
    cv2.imwrite(str(tmp_path / name.format(stamp=image.stamp_ns)), stored)
    found = masks_of_folder(tmp_path).of(image, pixels, Workspace(tmp_path / "work"))
    assert np.array_equal(found, np.where(stored > 0, 255, 0))


def test_two_cameras_share_no_mask_of_a_stamp(session, tmp_path):
    left = session.images[0]
    right = replace(left, name="right/view0.png")
    cv2.imwrite(str(tmp_path / f"{left.stamp_ns}.png"), np.zeros((480, 640), np.uint8))
    masks = masks_of_folder(tmp_path)
    for _ in range(2):
        assert not masks.read(left, left.read()).any()
    line = rf"{left.stamp_ns}.png: expected the mask of right/view0.png, got that of view0.png$"
    with pytest.raises(MapError, match=line):
        masks.read(right, right.read())
    (tmp_path / "right").mkdir()
    cv2.imwrite(str(tmp_path / "right/view0.png"), np.ones((480, 640), np.uint8))
    assert masks.read(right, right.read()).all(), "one of its own"


@pytest.mark.parametrize(
    ("stored", "line"),
    [
        (None, r"view0.png: expected the mask of view0.png, got no such file"),
        (b"none", "view0.png: expected the mask of view0.png, got not readable"),
        (np.zeros((480, 640, 3), np.uint8), "expected one number of 8 bits per pixel"),
        (np.zeros((480, 640), np.uint16), "expected one number of 8 bits per pixel"),
        (np.zeros((48, 64), np.uint8), "mask of view0.png: expected uint8 of 640x480 as its image, "
         "got uint8 of 64x48"),
    ],
)
def test_wrong_masks_are_one_line(stored, line, session, config, tmp_path):
    path = tmp_path / "view0.png"
    if isinstance(stored, bytes):
        path.write_bytes(stored)
    elif stored is not None:
        cv2.imwrite(str(path), stored)
    with pytest.raises(MapError, match=line) as caught:
        build_map(
            session.images, masking(session), config, tmp_path / "map",
            masks=masks_of_folder(tmp_path),
        )
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "map").exists()
