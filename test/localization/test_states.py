"""The state rules: each transition that is allowed, and none besides."""

import pytest

from semloc_ros.config import TrackingConfig
from semloc_ros.localization import states
from semloc_ros.localization.states import Reason, Standing
from semloc_ros.types import State

CONFIG = TrackingConfig(degraded_after=1.0, lost_after=5.0, lost_spread_m=2.0)
SECOND = 1_000_000_000


def tracking_at(stamp_ns):
    return states.fixed(states.start(), stamp_ns)


def test_a_node_without_a_map_is_uninitialized_and_frames_do_not_change_it():
    assert states.missed(Standing(), "too_few_matches", 3) == Standing()
    assert Standing().state is State.UNINITIALIZED


def test_start_then_misses_stay_bootstrapping_with_the_reason_of_the_frame():
    standing = states.missed(states.start(), "too_few_matches", 7)
    assert (standing.state, standing.reason) == (State.BOOTSTRAPPING, "too_few_matches")
    assert standing.last_frame_ns == 7
    assert states.aged(standing, 10**15, 99.0, CONFIG) == standing


def test_a_flawed_fix_is_degraded_and_says_why():
    standing = states.fixed(states.start(), 5, Reason.UNCERTAIN)
    assert (standing.state, standing.reason) == (State.DEGRADED, "uncertain")
    assert states.fixed(standing, 6).state is State.TRACKING


@pytest.mark.parametrize(
    ("age_s", "spread_m", "state"),
    [
        (0.5, 0.1, State.TRACKING),
        (1.0, 0.1, State.TRACKING),
        (1.1, 0.1, State.DEGRADED),
        (5.1, 0.1, State.LOST),
        (0.5, 2.1, State.LOST),
    ],
)
def test_age_and_spread_make_the_state_worse(age_s, spread_m, state):
    now = round(age_s * SECOND)
    standing = states.missed(tracking_at(0), "too_few_inliers", now)
    assert states.aged(standing, now, spread_m, CONFIG).state is state


def test_age_never_makes_the_state_better():
    lost = states.aged(tracking_at(0), 6 * SECOND, 0.1, CONFIG)
    assert lost.state is State.LOST
    assert states.aged(lost, SECOND // 2, 0.0, CONFIG).state is State.LOST
    assert states.fixed(lost, 7 * SECOND).state is State.TRACKING


def test_silence_is_named():
    standing = states.aged(tracking_at(0), 2 * SECOND, 0.1, CONFIG)
    assert (standing.state, standing.reason) == (State.DEGRADED, "no_image")
    watched = states.missed(tracking_at(0), "too_few_matches", 2 * SECOND)
    assert states.aged(watched, 2 * SECOND, 0.1, CONFIG).reason == "too_few_matches"


def test_images_that_wait_for_their_turn_are_no_silence():
    standing = states.heard(tracking_at(0), 2 * SECOND)
    assert states.aged(standing, 2 * SECOND, 0.1, CONFIG).reason == "old_fix"
    late = states.fixed(standing, SECOND // 10)
    assert late.last_frame_ns == 2 * SECOND and late.last_fix_ns == SECOND // 10


def test_fix_age():
    assert states.start().fix_age_s(9) is None
    assert tracking_at(SECOND).fix_age_s(3 * SECOND) == 2.0
    assert tracking_at(SECOND).fix_age_s(0) == 0.0
