"""The street's traversals: each drives in its own way, whatever others are asked for."""

import dataclasses

import numpy as np
import pytest

from semloc_ros.config import StreetConfig
from semloc_ros.errors import ConfigError
from semloc_ros.worlds.recording.street import StreetWorld, check_conditions
from semloc_ros.worlds.street.conditions import CONDITIONS
from semloc_ros.worlds.street.site import LANE, make_site

CONFIG = StreetConfig()


@pytest.fixture(scope="module")
def runs():
    return StreetWorld(CONFIG, list(CONDITIONS)).traversals


def test_mapping_is_in_summer_and_each_condition_has_its_day(runs):
    assert [run.name for run in runs] == ["mapping", *CONDITIONS]
    assert [run.setting for run in runs] == ["summer", *CONDITIONS]
    assert len({run.start_ns for run in runs}) == 7


def test_leaving_one_out_leaves_the_others_as_they_are(runs):
    few = StreetWorld(CONFIG, ["night", "rain"]).traversals
    alike = {run.name: run for run in runs}
    for run in few:
        other = alike[run.name]
        assert (run.index, run.shutter) == (other.index, other.shutter)
        np.testing.assert_array_equal(run.trajectory.xy, other.trajectory.xy)
        np.testing.assert_array_equal(run.image_times, other.image_times)


def test_each_has_its_own_way_speed_and_exposure(runs):
    speeds = [run.trajectory.speed.max() for run in runs]
    assert len({round(speed, 3) for speed in speeds}) == 7
    assert all(0.85 < speed / CONFIG.speed < 1.15 for speed in speeds)
    assert len({run.shutter.brightness for run in runs}) == 7
    starts = np.array([run.trajectory.xy[0] for run in runs])
    assert np.linalg.norm(starts[:, None] - starts[None], axis=2)[np.triu_indices(7, 1)].min() > 1


def test_the_drive_is_a_lap_of_at_least_400_metres_in_its_lane(runs):
    corners = make_site(CONFIG).corners(LANE)
    for run in runs:
        drive = run.trajectory
        assert 400 < drive.way[-1] < 480
        ahead = np.diff(corners, axis=0, append=corners[:1])
        ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
        sides = zip(corners, ahead, strict=True)
        off = np.stack([(drive.xy - c) @ [-a[1], a[0]] for c, a in sides], axis=1)
        nearest = np.abs(off).min(axis=1)
        assert np.quantile(nearest, 0.9) < CONFIG.lateral_spread_m + 0.05
        assert drive.heading[-1] > drive.heading[0], "counter-clockwise"


def test_a_car_drives_and_turns_as_cars_do(runs):
    drive = runs[0].trajectory
    state = drive.planar(np.arange(0, drive.duration, 0.1))
    speed = np.linalg.norm(np.diff(state[:, :2], axis=0), axis=1) / 0.1
    assert np.abs(np.diff(speed)).max() / 0.1 < 1.5
    assert np.abs(np.diff(state[:, 2])).max() / 0.1 < 0.65


def test_conditions_come_once():
    with pytest.raises(ConfigError, match="conditions: expected each once, got rain,rain"):
        check_conditions(["rain", "rain"])
    check_conditions([])


def test_the_sway_can_be_taken_away():
    still = StreetWorld(dataclasses.replace(CONFIG, sway=0.0), []).traversals[0]
    poses = still.trajectory.map_from_base(still.image_times[:20])
    np.testing.assert_allclose(poses[:, 2, :3], np.tile([0.0, 0, 1], (20, 1)), atol=1e-12)
