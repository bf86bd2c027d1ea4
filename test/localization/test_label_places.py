"""Particles that begin from places, and draw from them where labels fit nothing."""

from __future__ import annotations

import dataclasses

import label_room as room
import numpy as np
import pytest
from label_robot import MOUNT, Robot

from semloc_ros.config import PlacesConfig, TrackingConfig
from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import perturb
from semloc_ros.localization.label_trust import LabelTrust
from semloc_ros.localization.states import Reason
from semloc_ros.types import Places

NEAR = PlacesConfig(spread_m=1.5)
PATIENCE = 6  # label maps before a start from places is believed


@pytest.fixture(scope="module")
def points():
    return room.labelled_points()


def hypotheses(robot, rng, right=True):
    """Places of the next image: four of anywhere, and at a random rank one about 1.5 m off."""
    poses = [
        perturb(np.eye(4), np.array([*rng.uniform(-7, 7, 2), 0, 0, 0, rng.uniform(0, 6.28)]))
        for _ in range(5)
    ]
    if right:
        off = np.array([*rng.normal(0.0, 1.0, 2), 0, 0, 0, rng.normal(0.0, 0.1)])
        poses[rng.integers(5)] = perturb(robot.truth[robot.step], off)
    stamp = robot.step * room.FRAME_NS + 1
    return Places(stamp, np.stack(poses) @ MOUNT, np.linspace(1.0, 0.5, 5), np.full(5, -1))


def errors_of(robot, outcomes, first=0):
    """By frame how far its fix is from the truth."""
    return {
        step: float(np.linalg.norm(one.fix.map_from_base[:3, 3] - robot.truth[step][:3, 3]))
        for step, one in enumerate(outcomes, first) if one.fix is not None
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_it_begins_from_places_at_the_first_image(points, seed):
    robot, rng = Robot(points, places=NEAR, seed=seed, wrong=0.1), np.random.default_rng(seed)
    robot.session.adjust(
        TrackingConfig(labels_relocate=PATIENCE), robot.session._motion, "auto"
    )
    outcomes = [robot.frame(places=hypotheses(robot, rng)) for _ in range(25)]
    assert outcomes[0].tracked is not None, "nobody waits for more images"
    errors = errors_of(robot, outcomes)
    assert errors and min(errors) >= PATIENCE - 1, "confirmed as any start without a belief"
    assert max(errors.values()) < 1.0


@pytest.mark.parametrize("seed", range(3))
def test_wrong_places_mislead_nobody(points, seed):
    robot = Robot(points, places=NEAR, frames=60, seed=seed, wrong=0.1)
    rng = np.random.default_rng(seed)
    outcomes = [robot.frame(places=hypotheses(robot, rng, right=False)) for _ in range(60)]
    errors = errors_of(robot, outcomes)
    assert all(error < 1.0 for error in errors.values())
    assert errors, "some particles began anywhere"


def test_broken_places_and_places_without_labels_start_nothing(points):
    robot, rng = Robot(points, places=NEAR), np.random.default_rng(0)
    given = hypotheses(robot, rng)
    broken = dataclasses.replace(given, map_from_camera=given.map_from_camera * np.nan)
    assert robot.frame(places=broken).tracked is None
    assert robot.frame(places=hypotheses(robot, rng), blind=True).tracked is None


@pytest.mark.parametrize("seed", range(2))
def test_wrong_places_cost_hardly_a_fix_while_labels_fit(points, seed):
    fixes = []
    for with_places in (False, True):
        robot = Robot(points, places=NEAR, wrong=0.1, seed=seed)
        rng = np.random.default_rng(seed)
        robot.frame(robot.truth[0])
        outcomes = [
            robot.frame(places=hypotheses(robot, rng, right=False) if with_places else None)
            for _ in range(30)
        ]
        errors = errors_of(robot, outcomes, 1)
        assert max(errors.values()) < 0.6
        fixes.append(len(errors))
    assert fixes[1] >= fixes[0] - 3


def recovered_after(points, seed, with_places):
    """Images after a kidnap until the first fix; all fixes after it are right."""
    robot = Robot(points, "pfsl", frames=80, wrong=0.0, seed=seed, places=NEAR, labels_relocate=6)
    rng = np.random.default_rng(seed)
    robot.frame(robot.truth[0])
    for _ in range(8):
        robot.frame()
    before = robot.odometry[robot.step - 1].odom_from_base
    robot.step += 25  # carried off; odometry has not noticed
    since = se3.inverse(robot.odometry[robot.step - 1].odom_from_base)
    for sample in range(robot.step, 80):
        pose = before @ since @ robot.odometry[sample].odom_from_base
        robot.odometry[sample] = dataclasses.replace(robot.odometry[sample], odom_from_base=pose)
    first = robot.step
    outcomes = [
        robot.frame(places=hypotheses(robot, rng) if with_places else None) for _ in range(32)
    ]
    errors = errors_of(robot, outcomes, first)
    assert max(errors.values(), default=0.0) < 1.0
    return min(errors, default=first + 32) - first


def test_places_are_rivals_where_labels_fit_nothing(points):
    waits = np.array(
        [[recovered_after(points, seed, given) for given in (False, True)] for seed in range(2)]
    )
    assert waits[:, 1].mean() < waits[:, 0].mean() - 2, waits
    assert waits[:, 1].min() >= 5, "odometry is not contradicted by fewer label maps than without"


def test_rivals_are_drawn_once_for_each_label_map_that_is_evidence_and_does_not_fit(points):
    robot = Robot(points, places=NEAR)
    robot.frame(robot.truth[0])
    tracked, limits = robot.frame().tracked, TrackingConfig()
    trust = LabelTrust()
    for is_new, fit, wanted in ((True, 0.1, True), (False, 0.1, False), (True, 0.9, False)):
        trust.doubt(dataclasses.replace(tracked, is_new=is_new, fit=fit), False, limits)
        drawn = [trust.takes_rivals(True, limits) for _ in range(2)]
        assert drawn == [wanted, False]
    trust.doubt(dataclasses.replace(tracked, is_new=True, fit=0.1), False, limits)
    trust.forget()
    assert not trust.takes_rivals(True, limits)


@pytest.mark.parametrize(("known", "waits"), [(True, 0), (False, 2)])
def test_label_maps_before_rivals_confirm_none_of_them(points, known, waits):
    robot = Robot(points, places=NEAR)
    robot.frame(robot.truth[0])
    limits = TrackingConfig(labels_updates=3)
    sure = dataclasses.replace(
        robot.frame().tracked, fit=1.0, share=1.0, covariance=1e-4 * np.eye(6), is_new=True,
        from_anywhere=True, updates=2 * limits.labels_relocate,
    )
    trust = LabelTrust()
    assert trust.doubt(sure, False, limits) is None
    trust.doubt(dataclasses.replace(sure, fit=0.1), False, limits)
    assert trust.takes_rivals(known, limits)
    said = [trust.doubt(sure, False, limits) for _ in range(waits + 1)]
    assert said == [Reason.UNCONFIRMED] * waits + [None]
    standing = dataclasses.replace(sure, is_new=False)
    trust.doubt(dataclasses.replace(sure, fit=0.1), False, limits)
    trust.takes_rivals(known, limits)
    assert (trust.doubt(standing, False, limits) is None) == known, "a second look proves nothing"
