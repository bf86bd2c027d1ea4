"""The odometry buffer: interpolation, gaps, waiting."""

import threading

import numpy as np
import pytest

from semloc_ros.geometry import se3
from semloc_ros.localization.odometry import OdometryBuffer
from semloc_ros.localization.odometry_noise import covariance_of
from semloc_ros.types import Odometry


def sample(stamp_ns, x=0.0):
    return Odometry(stamp_ns, se3.exp([x, 0, 0, 0, 0, 0]))


@pytest.fixture
def buffer():
    buffer = OdometryBuffer(max_gap_s=0.5)
    for i in range(5):
        buffer.add(sample(i * 100_000_000, float(i)))
    return buffer


def test_interpolates_between_and_is_exact_on_samples(buffer):
    assert buffer.at(250_000_000)[0, 3] == pytest.approx(2.5)
    assert buffer.at(0)[0, 3] == 0.0
    assert buffer.at(400_000_000)[0, 3] == 4.0


def test_extrapolates_neither_forwards_nor_backwards(buffer):
    assert buffer.at(400_000_001) is None
    assert buffer.at(-1) is None
    assert OdometryBuffer(1.0).at(0) is None


def test_a_long_gap_is_not_bridged(buffer):
    buffer.add(sample(1_000_000_000, 9.0))
    assert buffer.at(700_000_000) is None
    assert buffer.at(1_000_000_000)[0, 3] == 9.0


def test_old_and_repeated_samples_are_dropped_and_clear_forgets(buffer):
    buffer.add(sample(400_000_000, 77.0))
    buffer.add(sample(50_000_000, 77.0))
    assert buffer.at(400_000_000)[0, 3] == 4.0
    buffer.clear()
    assert buffer.at(0) is None
    buffer.add(sample(0, 5.0))
    assert buffer.at(0)[0, 3] == 5.0


def test_a_source_that_restarts_with_earlier_stamps_starts_anew(buffer):
    buffer.add(sample(60_000_000_000, 77.0))  # one wrong stamp, or the last before a restart
    buffer.add(sample(500_000_000, 5.0))
    buffer.add(sample(600_000_000, 6.0))
    assert buffer.at(550_000_000)[0, 3] == pytest.approx(5.5)
    assert buffer.at(400_000_000) is None, "what was before is forgotten"


def test_waits_for_the_sample_that_is_on_its_way(buffer):
    timer = threading.Timer(0.05, lambda: buffer.add(sample(500_000_000, 5.0)))
    timer.start()
    found = buffer.at(450_000_000, wait_s=5.0)
    timer.join()
    np.testing.assert_allclose(found[:3, 3], [4.5, 0, 0], atol=1e-12)


def test_memory_is_bounded():
    buffer = OdometryBuffer(1.0)
    for i in range(10_000):
        buffer.add(sample(i * 20_000_000))
    assert len(buffer._stamps) < 30 * 50 + 300
    assert buffer.at(9_999 * 20_000_000 - 29_000_000_000) is not None


def test_the_covariance_is_that_of_the_nearest_sample(buffer):
    assert buffer.covariance_near(100_000_000) is None, "messages without one"
    for place in (10, 11):
        covariance = place * np.eye(6)
        buffer.add(Odometry(place * 100_000_000, se3.exp(np.zeros(6)), covariance))
    assert buffer.covariance_near(1_040_000_000)[0, 0] == 10.0
    assert buffer.covariance_near(1_060_000_000)[0, 0] == 11.0
    assert buffer.covariance_near(9_000_000_000)[0, 0] == 11.0
    assert OdometryBuffer(1.0).covariance_near(0) is None


def test_numbers_of_a_message_that_say_nothing_are_no_covariance():
    good = np.diag([0.1, 0.1, 0.2, 0.01, 0.01, 0.02])
    np.testing.assert_array_equal(covariance_of(good.ravel().tolist()), good)
    unknown = good.copy()
    unknown[0, 0] = -1.0
    for numbers in (np.zeros(36), np.full(36, np.nan), unknown.ravel()):
        assert covariance_of(numbers) is None
