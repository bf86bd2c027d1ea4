"""Motion blur is as wide as the way of a pixel during the exposure."""

import numpy as np
import pytest

from semloc_ros.geometry import se3
from semloc_ros.types import Camera
from semloc_ros.worlds.rendering.blur import motion_blur

CAMERA = Camera("radtan", 120, 90, 100.0, 101.0, 59.6, 44.8, (-0.03, 0.01, 0.0, 0.0))


def step(axis):
    image = np.zeros((90, 120, 3), np.float32)
    if axis == 0:
        image[:, 60:] = 100
    else:
        image[45:] = 100
    return image


def ramp_width(profile):
    """Width of a linear ramp 0 to 100, from the spread of its slope less that of a sharp step."""
    slope = np.diff(profile) / 100
    place = np.arange(len(slope))
    middle = (slope * place).sum()
    return np.sqrt(12 * (slope * (place - middle) ** 2).sum()), middle


@pytest.mark.parametrize("axis", [0, 1])
def test_an_edge_becomes_a_ramp_as_wide_as_it_moves(axis):
    motion = np.eye(4)
    motion[axis, 3] = 0.24  # metres at a depth of 3: eight pixels in the middle
    blurred = motion_blur(step(axis), np.full((90, 120), 3.0), CAMERA, motion)
    profile = blurred[45, :, 0] if axis == 0 else blurred[:, 60, 0]
    width, middle = ramp_width(profile)
    assert width == pytest.approx(8.0, rel=0.05)
    assert middle == pytest.approx((60 if axis == 0 else 45) - 1, abs=0.1)


def test_what_is_near_blurs_more_and_the_sky_only_when_turning():
    motion = np.eye(4)
    motion[0, 3] = 0.2
    depth = np.full((90, 120), 4.0)
    depth[:30], depth[60:] = np.inf, 2.0
    blurred = motion_blur(step(0), depth, CAMERA, motion)
    widths = [ramp_width(blurred[row, :, 0])[0] for row in (10, 45, 75)]
    assert widths[0] == pytest.approx(0, abs=1e-3)
    assert widths[1:] == pytest.approx([5.0, 10.0], rel=0.07)
    turned = motion_blur(step(0), depth, CAMERA, se3.exp(np.array([0, 0, 0, 0, 0.05, 0])))
    assert [ramp_width(turned[row, :, 0])[0] for row in (10, 45, 75)] == pytest.approx(
        [5.0] * 3, rel=0.1
    )


def test_a_still_camera_does_not_blur():
    image = np.random.default_rng(0).uniform(0, 255, (90, 120, 3)).astype(np.float32)
    blurred = motion_blur(image, np.full((90, 120), 2.0), CAMERA, np.eye(4))
    np.testing.assert_allclose(blurred[:-1, :-1], image[:-1, :-1], atol=1e-3)
