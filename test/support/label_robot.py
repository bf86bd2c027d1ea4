"""A robot that drives through the room of labels: what its session says to each image."""

from __future__ import annotations

import label_room as room
import numpy as np

from semloc_ros.config import MotionConfig, PlacesConfig, TrackingConfig
from semloc_ros.geometry import se3
from semloc_ros.localization import label_statistics
from semloc_ros.localization.label_tracking import LabelTracker
from semloc_ros.localization.outcomes import Sighting
from semloc_ros.localization.semantics import Semantics
from semloc_ros.localization.session import Session
from semloc_ros.types import Correspondences, Frame, NoPose, NoPoseReason, PoseEstimate

MOUNT = room.BASE_FROM_CAMERA
SHARP = np.diag([0.02**2] * 3 + [0.003**2] * 3)
ODOM = se3.exp([5, 2, 0, 0, 0, 1])


def estimate(map_from_base, stamp_ns, inliers=100):
    rows = Correspondences(
        np.zeros((inliers, 2)), np.zeros((inliers, 3)), np.ones(inliers), np.ones(inliers),
        np.full(inliers, -1),
    )
    camera_from_map = se3.inverse(map_from_base @ MOUNT)
    return PoseEstimate(stamp_ns, camera_from_map, SHARP, rows, 2 * inliers)


class Robot:
    """A drive through the room, with label maps of which `wrong` is wrong. It starts by one image:
    these tests are of what comes after."""

    def __init__(
        self, points, method="auto", frames=40, wrong=0.2, seed=3, places=None, **tracking
    ):
        table = label_statistics.assumed_table(
            label_statistics.label_shares(points), room.CONFIG.labels
        )
        of_points = np.empty(0, np.int64)
        semantics = Semantics(points, table, np.ones(room.LABELS, bool), of_points)
        self.truth, self.wrong = room.drive(frames), wrong
        views = (self.truth @ MOUNT)[:, :3, 3]
        labels = LabelTracker(semantics, views, room.CONFIG, seed, places or PlacesConfig())
        options = {"lost_after": 30.0, "confirm_first": False, **tracking}
        self.session = Session(TrackingConfig(**options), MotionConfig(), True, method, labels)
        self.rng, self.asked, self.step = np.random.default_rng(seed), [], 0
        self.odometry = room.odometry_of(self.truth, np.random.default_rng(seed + 1))

    def frame(
        self, pose=None, blind=False, place=None, covariance=None, inliers=100, places=None
    ):
        """One frame; `pose` is what features say of the base by so many `inliers`, None for
        nothing, `place` another place at which the label map is taken, `places` hypotheses."""
        step, self.step = self.step, self.step + 1
        stamp = step * room.FRAME_NS + 1
        seen = self.truth[step] if place is None else place
        labels = room.photograph(seen @ MOUNT, self.rng, self.wrong)
        shape = (room.CAMERA.height, room.CAMERA.width)
        frame = Frame(
            stamp, np.zeros(shape, np.uint8), room.CAMERA, labels=None if blind else labels,
            places=places,
        )
        odom_from_base = ODOM @ self.odometry[step].odom_from_base
        plan = self.session.plan(Sighting(stamp, MOUNT, odom_from_base, covariance))
        self.asked.append(plan.wants_pose)
        result = NoPose(stamp, NoPoseReason.TOO_FEW_INLIERS, "")
        far = pose is not None and np.abs((pose - self.truth[step])[:3, 3]).max() > 1.0
        gated = far and plan.prior is not None  # as the localizer does
        if pose is not None and plan.wants_pose and not gated:
            result = estimate(pose, stamp, inliers)
        outcome = self.session.conclude(plan, result, frame)
        self.session.tick(stamp)
        return outcome

    def error_m(self, outcome):
        return np.linalg.norm(outcome.fix.map_from_base[:3, 3] - self.truth[self.step - 1][:3, 3])
