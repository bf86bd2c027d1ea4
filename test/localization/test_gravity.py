"""Which way is down: by the base's axes, by an IMU's orientation, and by its accelerations."""

from types import SimpleNamespace

import numpy as np
import pytest

from semloc_ros.errors import InputError
from semloc_ros.geometry import se3
from semloc_ros.localization.gravity import (
    ImuGravity,
    ImuSample,
    down_camera,
    imu_sample,
)
from semloc_ros.localization.outcomes import Sighting

S = 1_000_000_000
MS = 1_000_000
FORWARD = se3.from_quaternion_xyzw([0.2, 0.0, 0.5], [-0.5, 0.5, -0.5, 0.5])  # optical, level
NEVER = np.r_[-1.0, np.zeros(8)]


def vector(*values):
    return SimpleNamespace(**dict(zip("xyzw", values, strict=False)))


def message(force=(0.0, 0.0, 9.81), rate=(0.0, 0.0, 0.0), turn=None, **changes):
    parts = {
        "header": SimpleNamespace(frame_id="imu"),
        "linear_acceleration": vector(*force), "linear_acceleration_covariance": np.zeros(9),
        "angular_velocity": vector(*rate), "angular_velocity_covariance": np.zeros(9),
        "orientation": vector(*(turn or (0, 0, 0, 0))),
        "orientation_covariance": NEVER if turn is None else np.zeros(9),
    }
    return SimpleNamespace(**{**parts, **changes})


def seen(*timed, at_ms):
    imu = ImuGravity()
    for ms, one in timed:
        imu.add(ms * MS, imu_sample(one))
    return imu.at(at_ms * MS)[0]


def sighting(base_from_camera=FORWARD, stamp_ns=S):
    return Sighting(stamp_ns, base_from_camera, None)


def nowhere(frame):
    raise InputError(f"tf from {frame} to base_link: unknown")


def test_a_level_base_has_down_along_the_y_axis_of_a_level_camera():
    down = down_camera("level", sighting(), ImuGravity(), nowhere)
    np.testing.assert_allclose(down, [0, 1, 0], atol=1e-15)
    pitched = FORWARD @ se3.exp([0, 0, 0, -np.radians(30), 0, 0])  # looks down by 30 degrees
    down = down_camera("level", sighting(pitched), ImuGravity(), nowhere)
    np.testing.assert_allclose(down, [0, np.cos(np.radians(30)), 0.5], atol=1e-15)
    assert down_camera("none", sighting(), ImuGravity(), nowhere) is None


def test_an_imus_orientation_is_believed_and_carried_into_the_camera():
    """The IMU is mounted turned by 90 degrees about the base's z, the robot rolls by 20."""
    imu, roll = ImuGravity(), np.radians(20.0)
    base_from_imu = se3.exp([0, 0, 0, 0, 0, np.pi / 2])
    world_from_imu = se3.exp([0, 0, 0, roll, 0, 0]) @ base_from_imu
    turn = se3.to_quaternion_xyzw(world_from_imu)[1]
    imu.add(S, imu_sample(message(force=(3.0, 0.0, 0.0), turn=tuple(turn))))
    down = down_camera("imu", sighting(), imu, {"imu": base_from_imu}.__getitem__)
    # down in the base is (0, -sin, -cos); the camera's x is the base's -y, its y the base's -z
    np.testing.assert_allclose(down, [np.sin(roll), np.cos(roll), 0], atol=1e-12)
    with pytest.raises(InputError, match="tf from imu to base_link"):
        down_camera("imu", sighting(), imu, nowhere)


def test_without_an_orientation_down_is_against_the_low_passed_force():
    tilted = message(force=(9.81 * 0.6, 0.0, 9.81 * 0.8))
    np.testing.assert_allclose(seen((0, tilted), at_ms=0), [-0.6, 0, -0.8], atol=1e-12)
    bumped = message(force=(2.0, 0.0, 9.81))  # for one sample of 10 ms
    down = seen((0, message()), (10, bumped), at_ms=10)
    wanted = -np.array([1.0, 0, 9.81]) / np.hypot(1.0, 9.81)
    np.testing.assert_allclose(down, wanted, atol=1e-12, err_msg="at first the mean")
    resting = [(ms, message()) for ms in range(0, 20_000, 400)]
    down = seen(*resting, (20_000, bumped), at_ms=20_000)
    wanted = -np.array([2.0 * 0.4 / 8, 0, 9.81]) / np.hypot(2.0 * 0.4 / 8, 9.81)
    np.testing.assert_allclose(down, wanted, atol=1e-12, err_msg="later the low pass of 8 s")


def test_in_curves_the_force_is_not_taken_for_gravity():
    curve = message(force=(0.0, 2.0, 9.81), rate=(0.0, 0.0, 0.2))
    down = seen((0, message()), *((ms, curve) for ms in range(10, 1000, 10)), at_ms=1000)
    np.testing.assert_allclose(down, [0, 0, -1], atol=1e-12)


def test_between_samples_the_force_turns_with_the_robot():
    """Pitching by 1 rad/s about y: what was down is soon elsewhere in the IMU's axes."""
    turning = [(ms, message(
        force=(-9.81 * np.sin(ms / 1000), 0.0, 9.81 * np.cos(ms / 1000)), rate=(0.0, 1.0, 0.0)
    )) for ms in range(0, 401, 10)]  # fmt: skip
    down = seen(*turning, at_ms=400)
    np.testing.assert_allclose(down, [np.sin(0.4), 0, -np.cos(0.4)], atol=1e-12)
    blind = [(ms, SimpleNamespace(**{**vars(one), "angular_velocity_covariance": NEVER}))
             for ms, one in turning]  # fmt: skip
    lagging = seen(*blind, at_ms=400)
    assert np.arcsin(lagging[0]) == pytest.approx(0.2), "the mean alone lags behind"


def test_the_last_sample_up_to_the_stamp_counts():
    tilted = message(force=(9.81 * 0.28, 0.0, 9.81 * 0.96))
    imu = ImuGravity()
    imu.add(1000 * MS, imu_sample(message()))
    imu.add(1100 * MS, imu_sample(tilted))
    np.testing.assert_allclose(imu.at(1099 * MS)[0], [0, 0, -1])
    assert imu.at(1100 * MS)[0][0] < 0
    imu.add(1050 * MS, imu_sample(tilted))  # late: dropped
    np.testing.assert_allclose(imu.at(1099 * MS)[0], [0, 0, -1])
    with pytest.raises(InputError, match="expected a sample at the image's stamp, got none"):
        imu.at(999 * MS)
    imu.add(0, imu_sample(tilted))  # the clock was set back by more than 1 s
    np.testing.assert_allclose(imu.at(100 * MS)[0], [-0.28, 0, -0.96])
    imu.clear()
    with pytest.raises(InputError, match="got none"):
        imu.at(100 * MS)


def test_what_is_old_or_no_gravity_is_refused():
    imu = ImuGravity()
    imu.add(S, imu_sample(message()))
    assert imu.at(S + 500 * MS)[1] == "imu"
    with pytest.raises(InputError, match=r"within 0.5 s, got one 0.6 s before the image"):
        imu.at(S + 600 * MS)
    imu.clear()
    imu.add(S, imu_sample(message(force=(5.0, 0.0, 9.81))))
    with pytest.raises(InputError, match=r"expected 9.81 m/s² within 1, got 11.01"):
        imu.at(S)
    imu.add(S + 600 * MS, imu_sample(message()))  # after a gap the low pass begins anew
    np.testing.assert_allclose(imu.at(S + 600 * MS)[0], [0, 0, -1])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"force": (np.nan, 0.0, 9.81)}, r"imu.linear_acceleration: expected finite numbers"),
        ({"rate": (0.0, np.inf, 0.0)}, r"imu.angular_velocity: expected finite numbers"),
        ({"turn": (np.nan, 0.0, 0.0, 1.0)}, r"imu.orientation: expected finite numbers"),
        ({"turn": (0.0, 0.0, 0.0, 0.0)}, r"imu.orientation: "),
        ({"linear_acceleration_covariance": NEVER}, "orientation or linear_acceleration, got neit"),
        ({"header": SimpleNamespace(frame_id="")}, "imu.header.frame_id: expected a frame"),
    ],
)
def test_broken_messages_are_refused_in_one_line(changes, said):
    with pytest.raises(InputError, match=said) as refused:
        imu_sample(message(**changes))
    assert "\n" not in str(refused.value)


def test_what_is_not_measured_may_be_anything():
    nothing = (np.nan, np.nan, np.nan)
    sample = imu_sample(message(rate=nothing, angular_velocity_covariance=NEVER))
    assert isinstance(sample, ImuSample) and sample.turn_rate is None
    assert sample.world_from_imu is None and sample.frame == "imu"
