"""The loop that the node and the replay share: stamps, and what is said of a frame."""

from dataclasses import replace

import numpy as np
import pytest

from semloc_ros.config import MotionConfig, TrackingConfig
from semloc_ros.errors import InputError
from semloc_ros.localization.outcomes import Sighting
from semloc_ros.localization.serving import (
    StampCheck,
    Untried,
    check_not_ahead,
    refuse,
    serve,
)
from semloc_ros.localization.session import Session
from semloc_ros.localization.states import Reason
from semloc_ros.types import Camera, Correspondences, Frame, Places, PoseEstimate, State

S = 1_000_000_000
CAMERA = Camera("pinhole", 64, 48, 60.0, 60.0, 31.5, 23.5)


class Sure:
    """Every frame is at the map's origin, by 100 inliers of 125 matches."""

    def localize(self, frame, prior=None):
        self.prior = prior
        rows = Correspondences(
            np.zeros((100, 2)), np.zeros((100, 3)), np.ones(100), np.ones(100), np.arange(100)
        )
        return PoseEstimate(frame.stamp_ns, np.eye(4), 1e-6 * np.eye(6), rows, 125, {"pnp": 1.5})


def session():
    return Session(TrackingConfig(), MotionConfig(), expects_odometry=False)


def frame(stamp_ns, mask=None):
    return Frame(stamp_ns, np.zeros((48, 64), np.uint8), CAMERA, mask)


def test_a_frame_is_planned_localized_and_told_of():
    mask = np.zeros((48, 64), np.uint8)
    mask[:24] = 255
    robot, sure = session(), Sure()
    first = serve(sure, robot, frame(S, mask), Sighting(S, np.eye(4), None), {"mask": "exact"})
    assert first.outcome.standing.reason == "unconfirmed" and first.outcome.fix is None
    assert first.values["masked_fraction"] == 0.5 and first.values["mask"] == "exact"
    assert first.values["guided"] is False and first.values["pnp_ms"] == 1.5
    second = serve(sure, robot, frame(2 * S), Sighting(2 * S, np.eye(4), None), {})
    assert second.outcome.standing.state is State.TRACKING and second.outcome.fix is not None
    third = serve(sure, robot, frame(3 * S), Sighting(3 * S, np.eye(4), None), {})
    assert third.values["guided"] is True and sure.prior is not None


def test_labels_and_gravity_are_told_of():
    labels = np.full((48, 64), 65535, np.uint16)
    labels[:12] = 300
    known = replace(frame(S), labels=labels, down_camera=np.array([0.0, 1.0, 0.0]))
    sighting = Sighting(S, np.eye(4), None)
    told = serve(Sure(), session(), known, sighting, {"labels": "last"}).values
    assert (told["labels"], told["labelled_fraction"], told["gravity"]) == ("last", 0.25, True)
    told = serve(Sure(), session(), frame(S), sighting, {}).values
    assert (told["labels"], told["labelled_fraction"], told["gravity"]) == ("none", 0.0, False)

    assert (told["places"], told["places_count"]) == ("none", 0)
    given = Places(S, np.stack([np.eye(4)] * 3), np.ones(3), np.full(3, -1))
    seen = replace(frame(S), places=given)
    told = serve(Sure(), session(), seen, sighting, {"places": "exact"}).values
    assert (told["places"], told["places_count"]) == ("exact", 3)


def test_a_frame_taken_up_before_a_reset_counts_for_nothing():
    robot = session()
    epoch = robot.epoch
    robot.reset(Reason.CLOCK_JUMP)
    served = serve(Sure(), robot, frame(S), Sighting(S, np.eye(4), None), {}, epoch)
    assert served.outcome.is_stale and served.outcome.fix is None


def test_a_refused_frame_has_the_same_values_and_its_reason():
    robot = session()
    served = refuse(robot, Untried(Reason.BAD_IMAGE, "image: torn"), S, S)
    assert served.values["detail"] == "image: torn"
    assert served.outcome.standing.reason == "bad_image"
    done = serve(Sure(), robot, frame(S), Sighting(S, np.eye(4), None), {})
    assert set(served.values) == set(done.values) - {"pnp_ms", "guided"}


def test_stamps_that_jump_back_are_refused_once():
    stamps = StampCheck()
    stamps.check(10 * S, 10 * S)
    stamps.check(10 * S - S // 2, 10 * S)  # disorder
    with pytest.raises(Untried, match=r"got 4\.5 s before the last") as refused:
        stamps.check(5 * S, 10 * S)
    assert refused.value.reason is Reason.CLOCK_JUMP
    stamps.check(5 * S, 10 * S)
    stamps.forget()
    stamps.check(S, 10 * S)


def test_a_stamp_of_no_time_or_of_the_future_is_refused_and_forgotten():
    stamps = StampCheck()
    for wrong in (0, 12 * S):
        with pytest.raises(Untried) as refused:
            stamps.check(wrong, 10 * S)
        assert refused.value.reason is Reason.BAD_IMAGE
    stamps.check(S, 10 * S)  # 12 s was not taken for the last
    with pytest.raises(InputError, match="2.0 s ahead"):
        check_not_ahead("odom", 12 * S, 10 * S)
    check_not_ahead("odom", 12 * S, 0)
