"""The overlay shows where the inliers are, and changes nothing else."""

import numpy as np

from semloc_ros.localization import states
from semloc_ros.localization.reports import draw_overlay, values_of
from semloc_ros.types import Camera, Correspondences, NoPose, NoPoseReason, PoseEstimate

CAMERA = Camera("pinhole", 200, 160, 100.0, 100.0, 99.5, 79.5)


def estimate():
    points = np.array([[0.0, 0.0, 2.0], [0.0, 0.0, -1.0]])  # the second is behind the camera
    rows = Correspondences(
        np.array([[120.0, 100.0], [10.0, 150.0]]), points, np.ones(2), np.ones(2), np.arange(2)
    )
    return PoseEstimate(7, np.eye(4), np.eye(6), rows, 4, {"pnp": 2.0})


def test_inliers_and_their_reprojections_are_drawn():
    image = np.zeros((160, 200, 3), np.uint8)
    drawn = draw_overlay(image, CAMERA, estimate(), states.start())
    assert drawn[97:104, 117:124, 1].max() > 100, "a green circle about the inlier"
    assert drawn[90, 110, 0] > 100, "a red line to its reprojection at (99.5, 79.5)"
    assert not drawn[140:, :30].any(), "a point behind the camera has no line"
    assert not image.any()


def test_gray_images_become_color_and_a_frame_without_pose_shows_the_state():
    nothing = NoPose(7, NoPoseReason.TOO_FEW_MATCHES, "")
    drawn = draw_overlay(np.zeros((160, 200), np.uint8), CAMERA, nothing, states.start())
    assert drawn.shape == (160, 200, 3) and drawn[:30].any() and not drawn[40:].any()


def test_values_of_both_kinds_have_the_same_keys():
    found = values_of(estimate())
    nothing = values_of(NoPose(7, NoPoseReason.TOO_FEW_INLIERS, "why", 9, 3, {"pnp": 1.0}))
    assert set(found) == set(nothing)
    assert (found["score"], found["inliers"], found["matches"]) == (0.5, 2, 4)
    assert (nothing["score"], nothing["inliers"], nothing["detail"]) == (0.0, 3, "why")
