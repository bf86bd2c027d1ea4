"""The semantic particle filter in a room whose walls are patches of labels."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from label_room import (
    BASE_FROM_CAMERA,
    CAMERA,
    CONFIG,
    FRAME_NS,
    LABELS,
    drive,
    labelled_points,
    photograph,
    steps_of,
)

from semloc_ros.config import FilterConfig
from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import error_vector, nees, perturb
from semloc_ros.localization import label_statistics
from semloc_ros.localization.fix_update import Fix
from semloc_ros.localization.label_images import label_image
from semloc_ros.localization.label_points import LabelPoints
from semloc_ros.localization.label_update import LabelView
from semloc_ros.localization.particle_filter import Hypotheses, Labels, ParticleFilter, Step
from semloc_ros.types import Odometry

SURE = np.diag(np.square([0.3, 0.3, 0.02, 0.005, 0.005, 0.1]))


@pytest.fixture(scope="module")
def points() -> LabelPoints:
    return labelled_points()


def new_filter(points: LabelPoints, seed: int = 0, config: FilterConfig = CONFIG) -> ParticleFilter:
    table = label_statistics.assumed_table(label_statistics.label_shares(points), config.labels)
    return ParticleFilter(points, table, config, seed)


def started(points, truth, steps, seed=0, config=CONFIG) -> ParticleFilter:
    """A filter that knows about where it starts."""
    found = new_filter(points, seed, config)
    rng = np.random.default_rng(seed + 100)
    start = perturb(truth[0], rng.multivariate_normal(np.zeros(6), SURE))
    found.start(0, steps[0].odometry, [Fix(start, SURE)])
    return found


def errors_of(found: ParticleFilter, steps, truth) -> np.ndarray:
    """(frames, 6) error of the heaviest cluster after each step."""
    errors = []
    for step, map_from_base in zip(steps, truth, strict=True):
        found.add(step)
        errors.append(error_vector(found.clusters()[0].mean, map_from_base))
    return np.array(errors)


def test_it_follows_a_drive_with_wrong_labels(points) -> None:
    truth = drive(40)
    steps = steps_of(truth, np.random.default_rng(1))
    errors = errors_of(started(points, truth, steps), steps, truth)
    distances = np.linalg.norm(errors[:, :2], axis=1)
    # one pixel is 13 cm on the far wall
    assert np.median(distances[10:]) < 0.2 and distances[10:].max() < 0.4
    assert np.degrees(np.abs(errors[10:, 5])).max() < 4.0


def test_labels_correct_odometry_with_a_wrong_scale(points) -> None:
    truth = drive(40)
    steps = steps_of(truth, np.random.default_rng(2), scale=1.05)
    errors = errors_of(started(points, truth, steps), steps, truth)
    assert np.linalg.norm(errors[20:, :2], axis=1).max() < 0.5


def test_several_hypotheses_are_kept_until_one_is_right(points) -> None:
    truth = drive(25)
    steps = steps_of(truth, np.random.default_rng(3), wrong=0.1)
    found = new_filter(points)
    wrong = [truth[0] @ se3.exp([x, y, 0, 0, 0, yaw]) for x, y, yaw in
             ((0, 4, 0), (-3, 7, 1), (-6, 5, 2), (0, 0, 3.1))]
    found.start(0, steps[0].odometry, [Fix(one, SURE) for one in (*wrong, truth[0])])
    assert len([one for one in found.clusters() if one.share > 0.1]) >= 4
    errors = errors_of(found, steps, truth)
    assert np.linalg.norm(errors[-5:, :2], axis=1).max() < 0.5
    assert found.clusters()[0].share > 0.95


def test_a_kidnapped_robot_is_found_by_injected_places(points) -> None:
    truth = np.concatenate([drive(15), drive(60)[45:]])
    rng = np.random.default_rng(4)
    steps = steps_of(drive(15), rng) + [
        dataclasses.replace(step, stamp_ns=step.stamp_ns + 15 * FRAME_NS)
        for step in steps_of(truth[15:], rng)
    ]
    found = started(points, truth, steps)
    for step in steps:
        if step.stamp_ns >= 15 * FRAME_NS:
            places = Hypotheses((Fix(truth[step.stamp_ns // FRAME_NS], SURE),), 0.1)
            found.add(Step(step.stamp_ns, step.odometry, places))
        found.add(step)
    assert np.linalg.norm(error_vector(found.clusters()[0].mean, truth[-1])[:2]) < 0.5


@pytest.mark.parametrize("late", [1, 4])
def test_what_comes_late_leads_to_the_same_particles(points, late) -> None:
    truth = drive(12)
    steps = steps_of(truth, np.random.default_rng(5))
    fix = Step(
        steps[5].stamp_ns, steps[5].odometry,
        Fix(perturb(truth[5], np.array([0.05, 0, 0, 0, 0, 0.01])), SURE / 25),
    )
    in_time, delayed = (started(points, truth, steps) for _ in range(2))
    for number, step in enumerate(steps):
        in_time.add(step)
        if number == 5:
            in_time.add(fix)
        delayed.add(step)
        if number == 5 + late:
            before = delayed.state.particles.poses.copy()
            delayed.add(fix)
            assert not np.array_equal(before, delayed.state.particles.poses)
    assert np.array_equal(in_time.state.particles.poses, delayed.state.particles.poses)
    assert np.array_equal(in_time.state.particles.log_weights, delayed.state.particles.log_weights)


def test_label_images_in_any_order_lead_to_the_same_particles(points) -> None:
    truth = drive(8)
    steps = steps_of(truth, np.random.default_rng(6))
    in_order, shuffled = (started(points, truth, steps) for _ in range(2))
    for step in steps:
        in_order.add(step)
    for number in (1, 0, 3, 2, 6, 4, 7, 5):
        shuffled.add(steps[number])
    assert np.array_equal(in_order.state.particles.poses, shuffled.state.particles.poses)


def test_what_is_too_old_is_refused(points) -> None:
    truth = drive(20)
    steps = steps_of(truth, np.random.default_rng(7))
    found = started(points, truth, steps, config=dataclasses.replace(CONFIG, history_s=1.0))
    for step in steps:
        assert found.add(step) is not None
    before = found.state
    assert found.add(steps[5]) is None
    assert found.state is before
    assert new_filter(points).add(steps[0]) is None


def test_a_standing_robot_learns_nothing_new(points) -> None:
    truth = np.repeat(drive(1), 20, axis=0)
    rng = np.random.default_rng(8)
    steps = steps_of(truth, rng)
    found = started(points, truth, steps)
    found.add(steps[0])
    weights = found.state.particles.log_weights
    for step in steps[1:]:
        found.add(step)
    assert np.array_equal(found.state.particles.log_weights, weights)
    assert found.state.stamp_ns == steps[-1].stamp_ns


def test_two_cameras_know_more_than_one(points) -> None:
    truth = drive(20)
    back = se3.exp([0, 0, 0, 0, 0, np.pi]) @ BASE_FROM_CAMERA
    spreads = []
    for mounts in ((BASE_FROM_CAMERA,), (BASE_FROM_CAMERA, back)):
        steps = steps_of(truth, np.random.default_rng(9), mounts=mounts)
        found = started(points, truth, steps)
        errors_of(found, steps, truth)
        spreads.append(np.trace(found.clusters()[0].covariance[:2, :2]))
    assert spreads[1] < spreads[0]


def test_without_odometry_the_cloud_spreads(points) -> None:
    truth = drive(10)
    found = new_filter(points)
    found.start(0, None, [Fix(truth[0], SURE)])
    for step in steps_of(truth, np.random.default_rng(10)):
        found.add(Step(step.stamp_ns, None, None))
    covariance = found.clusters()[0].covariance
    expected = SURE[0, 0] + CONFIG.odometry.blind_speed**2 * 9 * FRAME_NS / 1e9
    assert covariance[0, 0] == pytest.approx(expected, rel=0.3)


def test_a_blackout_leaves_room_for_a_wrong_scale(points) -> None:
    """The scale's error does not average out: after 20 m without labels it is 20 times itself."""
    found = new_filter(points)
    found.start(0, Odometry(0, np.eye(4)), [Fix(np.eye(4), SURE)])
    for number in range(41):
        at = Odometry(number * FRAME_NS, se3.make_pose(np.eye(3), [0.5 * number, 0, 0]))
        found.add(Step(at.stamp_ns, at, None))
    noise, covariance = CONFIG.odometry, found.clusters()[0].covariance
    expected = SURE[0, 0] + (noise.scale * 20.0) ** 2 + noise.along**2 * 20.0
    assert covariance[0, 0] == pytest.approx(expected, rel=0.15)


def test_the_same_seed_gives_the_same_particles(points) -> None:
    truth = drive(6)
    steps = steps_of(truth, np.random.default_rng(11))
    clouds = []
    for seed in (0, 0, 1):
        found = new_filter(points, seed)
        found.start(0, steps[0].odometry, [Fix(truth[0], SURE)])
        for step in steps:
            found.add(step)
        clouds.append(found.state.particles.poses)
    assert np.array_equal(clouds[0], clouds[1])
    assert clouds[0].shape != clouds[2].shape or not np.array_equal(clouds[0], clouds[2])


@pytest.mark.parametrize("wrong", [0.0, 0.3])
def test_labels_fit_the_right_place_far_better_than_a_wrong_one(points, wrong) -> None:
    truth = drive(20)
    steps = steps_of(truth, np.random.default_rng(12), wrong)
    right, turned = started(points, truth, steps), new_filter(points)
    turned.start(0, steps[0].odometry, [Fix(truth[0] @ se3.exp([0, 0, 0, 0, 0, 3.1]), SURE)])
    assert right.state.fit is None
    fits = np.array([[one.add(step).fit for one in (right, turned)] for step in steps[:14]])
    assert np.median(fits[:, 0]) > 0.7 and fits[:, 0].min() > 0.5
    assert fits[:, 1].max() < 0.15


def test_a_robot_that_was_carried_off_while_standing_fits_no_more(points) -> None:
    truth = drive(4)
    steps = steps_of(truth, np.random.default_rng(13))
    found = started(points, truth, steps)
    for step in steps:
        found.add(step)
    away = LabelView(label_image(
        CAMERA, photograph(drive(50)[-1] @ BASE_FROM_CAMERA, np.random.default_rng(14), 0.2),
        np.ones(LABELS, bool),
    ), BASE_FROM_CAMERA)
    before, stamp = found.state, steps[-1].stamp_ns + FRAME_NS
    after = found.add(Step(stamp, steps[-1].odometry, Labels((away,))))
    assert after.fit < before.fit / 2


def test_nothing_seen_is_no_fit(points) -> None:
    truth = drive(1)
    found = new_filter(points)
    found.start(0, None, [Fix(truth[0], SURE)])
    blank = label_image(CAMERA, np.full((60, 80), 255, np.uint8), np.ones(LABELS, bool))
    assert found.add(Step(0, None, Labels((LabelView(blank, BASE_FROM_CAMERA),)))).fit is None


def test_its_covariance_is_honest(points) -> None:
    """NEES in the plane over drives: not sure of what is wrong, nor blind to what it knows."""
    values, plane = [], [0, 1, 5]
    for seed in range(6):
        truth = drive(20)
        steps = steps_of(truth, np.random.default_rng(seed + 20))
        found = started(points, truth, steps, seed)
        for step, map_from_base in zip(steps, truth, strict=True):
            found.add(step)
            if step.stamp_ns >= 10 * FRAME_NS:
                best = found.clusters()[0]
                error = error_vector(best.mean, map_from_base)
                values.append(nees(error[plane], best.covariance[np.ix_(plane, plane)]))
    assert 0.4 < np.mean(values) / 3 < 2.5


def test_the_world_is_what_the_points_say(points) -> None:
    """The points, projected into a picture without errors, lie on their labels."""
    pose = drive(3)[2] @ BASE_FROM_CAMERA
    image = label_image(
        CAMERA, photograph(pose, np.random.default_rng(0), 0.0), np.ones(LABELS, bool)
    )
    counts = label_statistics.count_confusion(points, [(image, se3.inverse(pose))], 30.0, 0.2)
    assert counts.sum() > 300
    assert np.trace(counts) > 0.9 * counts.sum()
    assert (np.diag(counts) > 0).sum() > LABELS / 2
