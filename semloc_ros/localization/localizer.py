"""One image against one map: the pose with its evidence, or the reason why there is none."""

from __future__ import annotations

import numpy as np

from semloc_ros.config import LocalizerConfig
from semloc_ros.geometry.uncertainty import rotate
from semloc_ros.localization import gate
from semloc_ros.localization.checks import (
    check_frame,
    check_map,
    check_mapping_covariance,
    check_prior,
)
from semloc_ros.localization.covariance import mapping_covariance, pose_covariance
from semloc_ros.localization.matching import PointMatcher
from semloc_ros.localization.pnp import estimate_pose
from semloc_ros.localization.resection import refine_pose, reprojection_errors
from semloc_ros.localization.stages import Refused, Stopwatch
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.perception.features import RootSift
from semloc_ros.types import (
    Correspondences,
    Features,
    FloatArray,
    Frame,
    NoPose,
    NoPoseReason,
    PoseEstimate,
    Prior,
)

_GUIDED_ROUNDS = 2


class Localizer:
    """Localizes images in one map. One object per thread."""

    def __init__(self, semantic_map: SemanticMap, config: LocalizerConfig | None = None) -> None:
        """Raises MapError if the map has no points, or features of another kind."""
        self._config = config or LocalizerConfig()
        self._extractor = RootSift(self._config.features)
        check_map(semantic_map, self._extractor.model)
        self._matcher = PointMatcher(semantic_map, self._config.matching, self._config.seed)
        self._mapping_covariance = mapping_covariance(semantic_map.manifest.build)
        check_mapping_covariance(self._mapping_covariance)

    def localize(self, frame: Frame, prior: Prior | None = None) -> PoseEstimate | NoPose:
        """Where the camera was when it took the frame, in map coordinates.

        With a prior, matching is guided by it (against the whole map only where that fails),
        and a pose against it is refused. Whatever is wrong with the arguments is a `NoPose`
        with one line of detail, never an exception.
        """
        watch = Stopwatch()
        try:
            return self._localize(frame, prior, watch)
        except Refused as refusal:
            return refusal.as_value(frame.stamp_ns, watch.stage_ms)

    def _localize(self, frame: Frame, prior: Prior | None, watch: Stopwatch) -> PoseEstimate:
        check_frame(frame)
        if prior is not None:
            check_prior(prior)
        with watch.stage("features"):
            features = self._features(frame)
        first_pose = self._first_pose(features, frame, prior, watch)
        with watch.stage("refinement"):
            pose, matches, inliers = self._refine(features, frame, first_pose)
        with watch.stage("covariance"):
            covariance = self._covariance(frame, pose, inliers)
        gate.check(frame.camera, pose, covariance, inliers, prior, self._config.gate)
        return PoseEstimate(
            frame.stamp_ns, pose, covariance, inliers, len(matches), watch.stage_ms
        )

    def _features(self, frame: Frame) -> Features:
        features = self._extractor.extract(frame.image, frame.mask)
        needed = self._config.pnp.min_inliers
        if len(features) < needed:
            detail = f"{len(features)} features, need {needed}"
            raise Refused(NoPoseReason.TOO_FEW_FEATURES, detail)
        return features

    def _first_pose(
        self, features: Features, frame: Frame, prior: Prior | None, watch: Stopwatch
    ) -> FloatArray:
        """From matches near what the prior predicts, else from matches with the whole map."""
        if prior is not None:
            with watch.stage("matching"):
                matches = self._matcher.match_prior(features, frame.camera, prior)
            try:
                return self._solve(matches, frame, watch)
            except Refused:
                pass  # the prior may be wrong: the gate compares it with what the map says
        with watch.stage("matching"):
            matches = self._matcher.match_map(features)
        return self._solve(matches, frame, watch)

    def _solve(self, matches: Correspondences, frame: Frame, watch: Stopwatch) -> FloatArray:
        """The pose of most matches; refused if too few support it."""
        needed = self._config.pnp.min_inliers
        if len(matches) < needed:
            detail = f"{len(matches)} matches, need {needed}"
            raise Refused(NoPoseReason.TOO_FEW_MATCHES, detail, len(matches))
        with watch.stage("pnp"):
            pose = estimate_pose(frame.camera, matches, self._config.pnp, self._config.seed)
        inliers = 0 if pose is None else len(self._inliers(frame, pose, matches))
        if pose is None or inliers < needed:
            detail = f"{inliers} inliers of {len(matches)} matches, need {needed}"
            raise Refused(NoPoseReason.TOO_FEW_INLIERS, detail, len(matches), inliers)
        return pose

    def _refine(
        self, features: Features, frame: Frame, pose: FloatArray
    ) -> tuple[FloatArray, Correspondences, Correspondences]:
        """Pose, matches and inliers after matching again around the pose found so far."""
        for _ in range(_GUIDED_ROUNDS):
            matches = self._matcher.match_guided(
                features, frame.camera, pose, 2.0 * self._config.pnp.max_error_px
            )
            pose = refine_pose(frame.camera, pose, self._inliers(frame, pose, matches))
        inliers = self._inliers(frame, pose, matches)
        if len(inliers) < self._config.pnp.min_inliers:
            detail = f"{len(inliers)} inliers after refinement, need {self._config.pnp.min_inliers}"
            raise Refused(NoPoseReason.TOO_FEW_INLIERS, detail, len(matches), len(inliers))
        return pose, matches, inliers

    def _inliers(
        self, frame: Frame, pose: FloatArray, matches: Correspondences
    ) -> Correspondences:
        errors = reprojection_errors(frame.camera, pose, matches)
        return matches.select(errors < self._config.pnp.max_error_px)

    def _covariance(
        self, frame: Frame, pose: FloatArray, inliers: Correspondences
    ) -> FloatArray:
        covariance = pose_covariance(
            frame.camera, pose, inliers, self._config.covariance
        )
        if covariance is not None:
            of_map = rotate(self._mapping_covariance, pose[:3, :3].T)
            covariance = self._config.covariance.scale * covariance + of_map
        if covariance is None or not np.isfinite(covariance).all():
            detail = f"{len(inliers)} inliers leave a direction of the pose open"
            raise Refused(NoPoseReason.DEGENERATE, detail, num_inliers=len(inliers))
        return covariance
