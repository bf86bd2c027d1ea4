"""What labels and gravity say about the matches of one frame: which to drop, which to try first.

Labels never decide whether a frame is localized: where they cannot be used, a line says why, and
the frame is localized without.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semloc_ros.config import LocalizerConfig
from semloc_ros.errors import expected
from semloc_ros.geometry import se3
from semloc_ros.localization.consistency import consistent_matches
from semloc_ros.localization.gravity_consistency import (
    Gravity,
    GravityConsistency,
    height_from_views,
    heights_from_tracks,
)
from semloc_ros.localization.label_images import label_image
from semloc_ros.localization.semantics import Semantics
from semloc_ros.localization.stages import Refused
from semloc_ros.maps.labelling import NO_LABEL, labels_at
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.types import Correspondences, FloatArray, Frame, LabelMap, NoPoseReason, Prior

DOWN_MAP = np.array([0.0, 0.0, -1.0])


@dataclass(frozen=True, slots=True)
class FrameLabels:
    """The label map (H, W) of one frame beside the labels of the map's points."""

    labels: LabelMap
    semantics: Semantics

    def consistent(self, matches: Correspondences) -> Correspondences:
        """The matches that labels do not speak against (SSMC)."""
        semantics = self.semantics
        return matches.select(consistent_matches(
            matches, self.labels, semantics.point_labels, semantics.stationary
        ))

    def agreement(self, matches: Correspondences) -> float | None:
        """Share of the matches with a label on both sides for which it is the same."""
        of_pixel = labels_at(self.labels, matches.points_image)
        of_point = self.semantics.point_labels[matches.point_ids]
        known = (of_pixel != NO_LABEL) & (of_point != NO_LABEL)
        return float(np.mean(of_pixel[known] == of_point[known])) if known.any() else None


def usable_labels(
    frame: Frame, semantics: Semantics | None
) -> tuple[FrameLabels | None, str]:
    """The labels of a frame, or None and why they cannot be used."""
    labels = frame.labels
    if labels is None:
        return None, "no labels of the image"
    if semantics is None:
        return None, expected("map", "labels (semloc map label)", "none")
    if labels.dtype not in (np.uint8, np.uint16) or labels.ndim != 2:
        got = f"{labels.dtype} {labels.shape}"
        return None, expected("label map", "(H, W) of 8 or 16 bits", got)
    if labels.shape != (frame.camera.height, frame.camera.width):
        wanted = f"{frame.camera.width}x{frame.camera.height} as its camera"
        return None, expected("label map", wanted, "x".join(map(str, labels.shape[::-1])))
    count = len(semantics.stationary)
    beyond = labels[(labels >= count) & (labels != np.iinfo(labels.dtype).max)]
    if beyond.size:
        wanted = f"labels below {count} as the map's, or {np.iinfo(labels.dtype).max}"
        return None, expected("label map", wanted, int(beyond.max()))
    return FrameLabels(labels, semantics), ""


def down_of(frame: Frame, prior: Prior | None) -> FloatArray | None:
    """The unit vector (3,) of gravity in camera axes: the frame's, else the prior's, else None."""
    if frame.down_camera is not None:
        down = np.asarray(frame.down_camera, np.float64)
        length = float(np.linalg.norm(down)) if down.shape == (3,) else 0.0
        if np.isfinite(length) and length > 1e-6:
            return np.asarray(down / length)
    return None if prior is None else np.asarray(prior.camera_from_map[:3, :3] @ DOWN_MAP)


class MatchScorer:
    """Scores matches by the poses that they, gravity and height allow (GSMC)."""

    def __init__(self, semantic_map: SemanticMap, config: LocalizerConfig) -> None:
        self._map = semantic_map
        self._config = config
        self._consistency: GravityConsistency | None = None  # made when first asked for

    def clearest(self, matches: Correspondences) -> Correspondences:
        """As many as are scored in time, those whose descriptors are clearest."""
        order = np.argsort(-matches.scores, kind="stable")
        return matches.select(order[: self._config.gsmc.most_matches])

    def scores(
        self, frame: Frame, labels: FrameLabels, matches: Correspondences, prior: Prior | None
    ) -> FloatArray:
        """Scores (N,) in [0, 1]; refused (`Refused`) where nothing says which way is down."""
        down = down_of(frame, prior)
        if down is None:
            wanted = "the direction of gravity (gravity: level or imu), or a prior"
            raise Refused(NoPoseReason.NO_GRAVITY, expected("gsmc", wanted, "neither"))
        semantics, config = labels.semantics, self._config.gsmc
        if self._consistency is None:
            widest = np.radians(min(self._config.filter.labels.max_viewing_angle_deg, 90.0))
            self._consistency = GravityConsistency(semantics.points, config, np.cos(widest))
        image = label_image(
            frame.camera, labels.labels, semantics.stationary, config.stride_px
        )
        gravity = Gravity(down, DOWN_MAP, *self._height(matches, prior))
        return self._consistency.scores(frame.camera, image, matches, gravity).scores

    def _height(
        self, matches: Correspondences, prior: Prior | None
    ) -> tuple[float | FloatArray, float | FloatArray]:
        """Of the views about the prior; without one, of those that saw the point of each match."""
        config = self._config.gsmc
        if prior is None:
            return heights_from_tracks(self._map, matches.point_ids, DOWN_MAP, config)
        near = se3.inverse(prior.camera_from_map)[:3, 3]
        return height_from_views(self._map, near, DOWN_MAP, config)
