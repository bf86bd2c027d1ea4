"""A broadcast transform that follows its target: how fast, and when it does not lag at all."""

import numpy as np
import pytest

from semloc_ros.config import LocalizerNodeConfig
from semloc_ros.geometry import se3
from semloc_ros.localization.smoothing import Smoother
from semloc_ros.options import from_mapping
from semloc_ros.types import Odometry

BEFORE = se3.exp([3.0, -1.0, 0.0, 0.0, 0.0, 0.4])
BASE = se3.exp([40.0, 5.0, 0.0, 0.0, 0.0, 1.0])
NEWEST = Odometry(0, BASE)


def config(**options):
    return from_mapping(LocalizerNodeConfig, {"tf_smoothing": 0.5, **options})


def shown_after(step, times, newest=NEWEST, **options):
    """What is broadcast at each of the times after a step of the base in the map at time 0."""
    smoother = Smoother()
    smoother.follow(BEFORE, newest, 10.0, config(**options))
    target = step @ BEFORE
    return target, [smoother.follow(target, newest, 10.0 + t, config(**options)) for t in times]


def left(shown, target):
    return float(se3.pose_error(shown @ BASE, target @ BASE)[0])


def test_what_is_left_of_a_step_shrinks_by_e_in_the_time_constant():
    step = se3.exp([0.2, 0.1, 0.0, 0.0, 0.0, 0.0])
    target, shown = shown_after(step, [0.5, 1.0, 1.5, 5.0])
    gaps = [left(one, target) for one in shown]
    whole = np.hypot(0.2, 0.1)
    np.testing.assert_allclose(gaps, whole * np.exp([-1.0, -2.0, -3.0, -10.0]), atol=1e-9)


def test_it_does_not_matter_how_often_it_is_broadcast():
    step = se3.exp([0.2, 0.0, 0.0, 0.0, 0.0, 0.002])
    _, seldom = shown_after(step, [0.6])
    _, often = shown_after(step, np.linspace(0.025, 0.6, 24))
    np.testing.assert_allclose(seldom[-1], often[-1], atol=1e-9)


@pytest.mark.parametrize(
    ("step", "options"),
    [
        ([0.6, 0, 0, 0, 0, 0], {}),
        ([0, 0, 0, 0, 0, np.radians(6.0)], {"tf_smoothing_max_m": 100.0}),
        ([0.1, 0, 0, 0, 0, 0], {"tf_smoothing": 0.0}),
    ],
)
def test_a_large_step_is_never_hidden_nor_any_without_smoothing(step, options):
    target, shown = shown_after(se3.exp(step), [0.025], **options)
    np.testing.assert_array_equal(shown[0], target)


def test_a_step_is_measured_where_the_robot_is():
    """A turn of half a degree about the origin of the map moves a base that is 100 m away."""
    far = se3.inverse(BEFORE) @ se3.exp([100.0, 0, 0, 0, 0, 0])
    turn = se3.exp([0, 0, 0, 0, 0, np.radians(0.5)])
    near = Odometry(0, se3.inverse(BEFORE))
    for newest, is_hidden in ((Odometry(0, far), False), (near, True), (None, True)):
        target, shown = shown_after(turn, [0.025], newest)
        assert np.array_equal(shown[0], target) == (not is_hidden)


def test_after_forgetting_the_next_is_as_it_is():
    smoother = Smoother()
    smoother.follow(BEFORE, NEWEST, 0.0, config())
    smoother.forget()
    target = se3.exp([0.1, 0, 0, 0, 0, 0]) @ BEFORE
    np.testing.assert_array_equal(smoother.follow(target, NEWEST, 0.01, config()), target)
