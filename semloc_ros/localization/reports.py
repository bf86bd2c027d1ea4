"""What is said of a frame besides its pose: the values of a status, and the overlay.

The node publishes them; a replay writes them to files. Both call these functions.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.geometry import se3
from semloc_ros.geometry.cameras import project
from semloc_ros.localization.belief import position_spread, rotation_spread
from semloc_ros.localization.outcomes import Outcome
from semloc_ros.localization.session import Session
from semloc_ros.localization.states import Standing
from semloc_ros.types import Camera, LabelMap, NoPose, ObjectMatches, PoseEstimate, State

_GREEN, _RED = (0, 220, 0), (230, 30, 30)


def values_of(result: PoseEstimate | NoPose) -> dict[str, object]:
    """Status values of one localized or unlocalized frame."""
    stages = {f"{stage}_ms": float(ms) for stage, ms in result.stage_ms.items()}
    if isinstance(result, PoseEstimate):
        evidence = {"score": float(result.score), "inliers": len(result.inliers)}
        labels = {"found_by": result.method, "labels_agree": result.labels_agree}
    else:
        evidence = {"score": 0.0, "inliers": result.num_inliers}
        labels = {"found_by": "", "labels_agree": None}
    said = {"matches": result.num_matches, "detail": result.detail}
    return {**evidence, **said, **labels, **stages}


def tracked_values(outcome: Outcome) -> dict[str, object]:
    """Status values of the particles, where they were asked, and of a jump of the pose."""
    angle = None if outcome.jump_rad is None else float(np.degrees(outcome.jump_rad))
    values: dict[str, object] = {"jump_m": outcome.jump_m, "jump_deg": angle}
    tracked = outcome.tracked
    if tracked is not None:
        values |= {"particles": len(tracked.particles), "particles_share": tracked.share}
        values["labels_fit"] = tracked.fit
    return values


def spreads_of(session: Session) -> dict[str, object]:
    """Status values of how sure the session is: 1-sigma of position (m) and rotation (deg)."""
    covariance = session.covariance
    if covariance is None:
        return {"spread_m": None, "spread_deg": None}
    rotation = float(np.degrees(rotation_spread(covariance)))
    return {"spread_m": position_spread(covariance), "spread_deg": rotation}


def masked_fraction(mask: NDArray[np.uint8] | None) -> float:
    """Share of the pixels of a mask (H, W) that are dynamic; 0 without a mask."""
    return 0.0 if mask is None else float(np.count_nonzero(mask)) / mask.size


def labelled_fraction(labels: LabelMap | None) -> float:
    """Share of the pixels of a label map (H, W) whose label is known; 0 without one."""
    if labels is None:
        return 0.0
    return float(np.count_nonzero(labels != np.iinfo(labels.dtype).max)) / labels.size


def num_finds(objects: ObjectMatches | None) -> int:
    """How many objects were found in an image."""
    return 0 if objects is None else len(np.unique(objects.detections))


def value_text(value: object) -> str:
    """A status value as it is published: floats with 4 decimals, None as an empty string."""
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def draw_overlay(
    image: NDArray[np.uint8], camera: Camera, result: PoseEstimate | NoPose, standing: Standing
) -> NDArray[np.uint8]:
    """(H, W, 3) RGB: each inlier, a line to where the pose puts its point, and the state."""
    canvas: NDArray[np.uint8] = image.copy()
    if image.ndim == 2:
        canvas = np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
    if isinstance(result, PoseEstimate):
        _draw_inliers(canvas, camera, result)
    text = f"{standing.state.value} {standing.reason}"
    color = _GREEN if standing.state is State.TRACKING else _RED
    scale = max(image.shape[1] / 1000, 0.4)
    cv2.putText(
        canvas, text, (8, round(30 * scale) + 4), cv2.FONT_HERSHEY_SIMPLEX, scale, color,
        max(1, round(2 * scale)), cv2.LINE_AA,
    )
    return canvas


def _draw_inliers(canvas: NDArray[np.uint8], camera: Camera, result: PoseEstimate) -> None:
    inliers = result.inliers
    points_camera = se3.transform(result.camera_from_map, inliers.points_map)
    projected, seen = project(camera, points_camera)
    for measured, expected in zip(inliers.points_image[seen], projected[seen], strict=True):
        centre = (round(measured[0]), round(measured[1]))
        cv2.circle(canvas, centre, 3, _GREEN, 1, cv2.LINE_AA)
        cv2.line(canvas, centre, (round(expected[0]), round(expected[1])), _RED, 1)
