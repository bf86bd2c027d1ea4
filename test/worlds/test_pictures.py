"""The camera: what it looks at, how it exposes, the noise it has."""

import numpy as np

from semloc_ros.config import GalleryConfig, SensorsConfig, StreetConfig
from semloc_ros.geometry import se3
from semloc_ros.worlds.recording.gallery import mounted_camera
from semloc_ros.worlds.recording.pictures import Exposure, Shutter, develop, meter
from semloc_ros.worlds.recording.street import mounted_cameras

SENSORS = SensorsConfig()
SHUTTER = Shutter(reference_s=0.004, longest_s=0.012, brightness=110.0)
AS_IT_IS = Exposure(factor=1.0, seconds=0.004, gain=1.0)


def grey(level, shape=(200, 300, 3)):
    return np.full(shape, level, np.float32)


def test_the_gallery_s_camera_looks_to_the_right_and_level():
    pose = mounted_camera(GalleryConfig()).base_from_camera
    se3.check_pose("camera", pose)
    forward, down = pose[:3, 2], pose[:3, 1]
    assert forward[0] > 0.5 and forward[1] < -0.5  # ahead and to the right
    assert down[2] < -0.99


def test_the_street_s_cameras_look_to_both_sides_or_ahead():
    left, right = mounted_cameras(StreetConfig())
    assert (left.name, right.frame) == ("camera_left", "camera_right_optical")
    assert left.base_from_camera[1, 2] > 0.5 > -0.5 > right.base_from_camera[1, 2]
    assert left.base_from_camera[0, 2] > 0.5 and right.base_from_camera[0, 2] > 0.5
    (front,) = mounted_cameras(StreetConfig(cameras="front"))
    assert front.base_from_camera[0, 2] > 0.99 and front.base_from_camera[2, 2] > 0


def test_noise_and_vignetting():
    picture = develop(grey(128), AS_IT_IS, 1.0, SENSORS, np.random.default_rng(0)).astype(float)
    middle, corner = picture[90:110, 140:160], picture[:15, :15]
    expected = np.hypot(SENSORS.image_noise, SENSORS.row_noise)
    assert abs(middle.std() - expected) < 0.15
    assert abs(corner.mean() / middle.mean() - (1 - SENSORS.vignetting)) < 0.02


def test_rows_have_noise_of_their_own():
    sensors = SensorsConfig(image_noise=0.0, row_noise=5.0, vignetting=0.0)
    picture = develop(grey(128), AS_IT_IS, 1.0, sensors, np.random.default_rng(0)).astype(float)
    assert 4 < picture.mean(axis=(1, 2)).std() < 6
    assert picture.std(axis=1).max() < 1e-6


def test_exposures_even_out_brightness_but_not_wholly():
    bright, right, dark = (meter(grey(level), SHUTTER, 16.0) for level in (220, 110, 30))
    assert bright.factor < right.factor == 1.0 < dark.factor < 110 / 30
    assert dark.factor * 30 < 110 < bright.factor * 220
    assert [one.gain for one in (bright, right, dark)] == [1.0] * 3
    assert dark.seconds / right.seconds == dark.factor


def test_gain_comes_when_time_is_up_and_makes_noise():
    night = meter(grey(2), SHUTTER, 16.0)
    assert night.seconds == SHUTTER.longest_s and 3 < night.gain < 16
    assert abs(night.factor - night.gain * 3) < 1e-9
    assert meter(grey(0), SHUTTER, 16.0).gain == 16.0
    rng = np.random.default_rng(0)
    quiet, loud = (
        develop(grey(60 / one.factor), one, 1.0, SENSORS, rng)[95:105, 140:160].std()
        for one in (AS_IT_IS, night)
    )
    assert loud > 3 * quiet
