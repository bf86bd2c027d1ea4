"""The loop that the node and the replay share: stamps, masks, and what is said of a frame."""

import numpy as np
import pytest

from semloc_ros.config import MotionConfig, TrackingConfig
from semloc_ros.errors import InputError
from semloc_ros.localization.outcomes import Sighting
from semloc_ros.localization.serving import (
    StampCheck,
    Untried,
    check_not_ahead,
    fitting_mask,
    refuse,
    serve,
)
from semloc_ros.localization.session import Session
from semloc_ros.localization.states import Reason
from semloc_ros.types import Camera, Correspondences, Frame, PoseEstimate, State

S = 1_000_000_000
CAMERA = Camera("pinhole", 64, 48, 60.0, 60.0, 31.5, 23.5)


class Sure:
    """Every frame is at the map's origin, by 100 inliers."""

    def localize(self, frame, prior=None):
        self.prior = prior
        rows = Correspondences(
            np.zeros((100, 2)), np.zeros((100, 3)), np.ones(100), np.ones(100), np.arange(100)
        )
        return PoseEstimate(frame.stamp_ns, np.eye(4), 1e-6 * np.eye(6), rows, 200, {"pnp": 1.5})


def session():
    return Session(TrackingConfig(), MotionConfig(), expects_odometry=False)


def frame(stamp_ns, mask=None):
    return Frame(stamp_ns, np.zeros((48, 64), np.uint8), CAMERA, mask)


def test_a_frame_is_planned_localized_and_told_of():
    mask = np.zeros((48, 64), np.uint8)
    mask[:24] = 255
    robot, sure = session(), Sure()
    first = serve(sure, robot, frame(S, mask), Sighting(S, np.eye(4), None), "exact")
    assert first.outcome.standing.state is State.TRACKING and first.outcome.fix is not None
    assert first.values["masked_fraction"] == 0.5 and first.values["mask"] == "exact"
    assert first.values["guided"] is False and first.values["pnp_ms"] == 1.5
    second = serve(sure, robot, frame(2 * S), Sighting(2 * S, np.eye(4), None), "none")
    assert second.values["guided"] is True and sure.prior is not None


def test_a_frame_taken_up_before_a_reset_counts_for_nothing():
    robot = session()
    epoch = robot.epoch
    robot.reset(Reason.CLOCK_JUMP)
    served = serve(Sure(), robot, frame(S), Sighting(S, np.eye(4), None), "none", epoch)
    assert served.outcome.is_stale and served.outcome.fix is None


def test_a_refused_frame_has_the_same_values_and_its_reason():
    robot = session()
    served = refuse(robot, Untried(Reason.BAD_IMAGE, "image: torn"), S, S)
    assert served.values["detail"] == "image: torn"
    assert served.outcome.standing.reason == "bad_image"
    done = serve(Sure(), robot, frame(S), Sighting(S, np.eye(4), None), "none")
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


def test_the_fitting_mask_is_the_images_own_or_the_last_before():
    masks = [(10, "a"), (11, "b"), (12, "c"), (11, "d")]
    assert fitting_mask(11, masks, 1.0) == ("d", "exact")
    assert fitting_mask(13, masks, 1.0) == ("c", "last")
    assert fitting_mask(9, masks, 1.0) == (None, "none")
    assert fitting_mask(2 * S, masks, 1.0) == (None, "none")
