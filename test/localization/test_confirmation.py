"""What must speak for a fix that nothing lets expect: a second image from elsewhere, or most of
the matches of two; and what becomes of those that wait."""

from functools import partial

import numpy as np
import pytest
from straight_drive import ODOM_FROM_MAP, Drive, estimate, nothing

from semloc_ros.config import MotionConfig, TrackingConfig
from semloc_ros.geometry import se3
from semloc_ros.types import NoPoseReason, State

strong = partial(estimate, inliers=151, share=0.3)  # as many as a look-alike once had
weak = partial(estimate, inliers=20)


def look_alike(_):
    """The same wrong place, wherever the robot is."""
    return strong(se3.exp([8, 3, 0, 0, 0, 2]))


@pytest.mark.parametrize("result", [strong, weak])
def test_the_first_fix_waits_for_a_second_image_and_gives_map_from_odom(result):
    drive = Drive()
    first = drive.frame(result)
    assert first.fix is None and first.standing.state is State.BOOTSTRAPPING
    assert first.standing.reason == "unconfirmed"
    np.testing.assert_allclose(first.hypotheses, [drive.truth()], atol=1e-12)
    assert drive.session.belief is None and drive.session.map_from_odom is None
    second = drive.frame(result)
    assert drive.plan.prior is None
    assert (second.standing.state, second.standing.reason) == (State.TRACKING, "ok")
    np.testing.assert_allclose(second.fix.map_from_base, drive.truth(), atol=1e-12)
    expected = se3.inverse(ODOM_FROM_MAP)
    np.testing.assert_allclose(second.fix.map_from_odom, expected, atol=1e-12)
    assert drive.frame(result).fix is not None, "guided from now on"


def test_a_robot_that_stands_before_a_look_alike_believes_it_at_no_time():
    drive = Drive()
    drive.way_m = 0.0
    outcomes = [drive.frame(look_alike) for _ in range(50)]
    assert all(one.fix is None and len(one.hypotheses) == 1 for one in outcomes)
    drive.way_m = 0.12
    assert all(drive.frame(look_alike).fix is None for _ in range(20)), "odometry leads elsewhere"
    assert drive.frame(strong).fix is None
    assert drive.frame(strong).fix is not None


def test_a_robot_that_stands_is_found_by_most_of_the_matches_of_two_images():
    drive = Drive(confirm_share=0.6)
    drive.way_m = 0.0
    clear = partial(estimate, share=0.7)
    assert drive.frame(strong).fix is None
    assert drive.frame(clear).fix is None, "of two images"
    assert drive.frame(strong).fix is None, "of this one too"
    assert drive.frame(clear).fix is not None
    few = Drive(confirm_share=0.6, bootstrap_inliers=40)
    few.way_m = 0.0
    assert all(few.frame(partial(weak, share=1.0)).fix is None for _ in range(5))


def test_a_turn_on_the_spot_is_elsewhere_too():
    drive = Drive()
    drive.way_m = 0.0
    drive.frame(strong)
    drive.heading = np.radians(4.0)
    assert drive.frame(strong).fix is None
    drive.heading = np.radians(6.0)
    assert drive.frame(strong).fix is not None


def test_slow_steps_add_up():
    drive = Drive()
    drive.way_m = 0.03
    found = [drive.frame(strong).fix is not None for _ in range(5)]
    assert found == [False] * 4 + [True], "0.1 m from the first, not from the last"


def test_without_odometry_the_way_is_between_the_fixes():
    drive = Drive(odometry=False)
    drive.way_m = 0.0
    assert all(drive.frame(strong).fix is None for _ in range(20))
    drive.way_m = 0.06
    assert drive.frame(strong).fix is None
    assert drive.frame(strong).fix is not None


def test_two_fixes_that_differ_both_wait_until_one_is_seen_again():
    drive = Drive()
    drive.frame(strong)
    second = drive.frame(look_alike)
    assert second.fix is None and second.standing.state is State.BOOTSTRAPPING
    assert len(second.hypotheses) == 2, "newest first"
    np.testing.assert_allclose(second.hypotheses[1], drive.truth(), atol=1e-12)
    third = drive.frame(strong)
    np.testing.assert_allclose(third.fix.map_from_base, drive.truth(), atol=1e-12)


@pytest.mark.parametrize(("misses", "believed"), [(2, True), (3, False)])
def test_what_images_in_a_row_do_not_show_again_waits_no_more(misses, believed):
    drive = Drive(global_after=3)
    drive.frame(strong)
    missed = [drive.frame(lambda _: nothing()) for _ in range(misses)]
    assert [len(one.hypotheses) for one in missed] == [1, 1, 0][:misses]
    assert (drive.frame(strong).fix is not None) == believed


def test_what_odometry_no_longer_follows_waits_no_more():
    drive = Drive(odometry=False, lost_spread_m=2.0)
    drive.frame(strong)
    drive.step += 40  # 4 s at 0.7 m/s
    assert drive.frame(lambda _: nothing()).hypotheses == ()


def lost(**tracking):
    """A robot that was found once and is lost since, 2.4 m away."""
    drive = Drive(lost_after=1.0, degraded_after=0.5, **tracking)
    drive.start()
    for _ in range(20):
        drive.frame(lambda _: nothing())
    assert drive.session.standing.state is State.LOST
    return drive


def test_after_lost_a_fix_waits_unless_the_belief_is_a_witness():
    sharp = lost(trusted_spread_m=0.3)
    assert sharp.session.spread_m < 0.3
    outcome = sharp.frame(weak)
    assert outcome.fix is not None, "where odometry says, to a few centimetres"
    wide = lost(trusted_spread_m=0.05)
    assert wide.frame(weak).fix is None, "not sharp enough for a weak one"
    wide = lost(trusted_spread_m=0.05)
    assert wide.frame(strong).fix is not None, "odometry led there"
    blurred = lost(trusted_spread_m=0.05, refound_spread_m=0.05)
    first = blurred.frame(strong)
    assert first.fix is None and first.standing.state is State.LOST
    assert first.standing.reason == "unconfirmed" and len(first.hypotheses) == 1
    blurred.way_m = 0.0
    assert blurred.frame(strong).fix is None, "LOST, the belief is no witness"
    blurred.way_m = 0.12
    assert blurred.frame(strong).standing.state is State.TRACKING


def test_against_the_belief_a_robot_that_stands_is_not_moved_by_a_look_alike():
    drive = Drive(global_after=1, lost_after=1e3)
    drive.start()
    drive.way_m = 0.0
    says = {True: look_alike, False: lambda _: nothing(NoPoseReason.AGAINST_PRIOR)}
    outcomes, everywhere = [], 0
    for _ in range(10):
        outcomes.append(drive.frame(lambda pose: says[drive.plan.prior is None](pose)))
        everywhere += drive.plan.prior is None
    assert everywhere >= 5 and all(one.fix is None for one in outcomes)


def test_without_it_a_strong_first_fix_is_believed_at_once():
    drive = Drive(confirm_first=False)
    assert drive.frame(strong).standing.state is State.TRACKING
    standing = Drive(confirm_first=False)
    standing.way_m = 0.0
    assert standing.frame(weak).fix is None
    assert standing.frame(weak).fix is not None, "two weak ones, from wherever"


def test_it_can_be_switched_while_images_wait():
    drive = Drive()
    drive.way_m = 0.0
    assert drive.frame(strong).fix is None
    drive.session.adjust(TrackingConfig(confirm_first=False), MotionConfig())
    assert drive.frame(strong).fix is not None
