"""One image against one map: the pose with its evidence, or the reason why there is none.

Four methods (Larsson et al., "Fine-Grained Segmentation Networks", 2019, section 4):

- pnp: matches of features, P3P in RANSAC, matches again around the pose;
- ssmc: the same with the matches only that labels do not speak against, of which fewer will do;
- gsmc: all matches, tried in the order, or with the weights, that labels and gravity give them;
  of what fits the pose those count that ssmc would keep, of which fewer will do here too;
- auto: ssmc; where it finds none, or fewer than half of the labels agree with its pose, pnp too,
  and of the two the pose with more inliers; gsmc where both found none.

So bad labels cost `auto` time, and hardly ever a pose. The method `pfsl` asks for a start by ssmc.

Objects of the frame are further evidence for the pose of features where it expects them; where it
expects none, or features give no pose, features are matched around the pose of the objects, too.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from semloc_ros.config import LocalizerConfig
from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import rotate
from semloc_ros.localization import gate
from semloc_ros.localization.checks import (
    check_frame,
    check_map,
    check_mapping_covariance,
    check_prior,
)
from semloc_ros.localization.covariance import mapping_covariance, pose_covariance
from semloc_ros.localization.frame_matches import FrameMatches
from semloc_ros.localization.match_filters import MatchScorer, usable_labels
from semloc_ros.localization.matching import PointMatcher
from semloc_ros.localization.object_localizer import ObjectLocalizer
from semloc_ros.localization.objects import Find
from semloc_ros.localization.places import usable_places, views_of_places
from semloc_ros.localization.pnp import estimate_pose
from semloc_ros.localization.resection import refine_pose, reprojection_errors
from semloc_ros.localization.semantic_ransac import ordered_pose, weighted_pose
from semloc_ros.localization.semantics import Semantics
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
_LEAST_AGREEMENT = 0.5  # share of labels; with less, what features alone say is asked too
_METHODS_BY_LABELS = {
    "pnp": ("pnp",), "ssmc": ("ssmc",), "gsmc": ("gsmc",), "pfsl": ("ssmc",),
    "auto": ("ssmc", "pnp", "gsmc"),
}  # fmt: skip
_TOO_FEW = (NoPoseReason.TOO_FEW_MATCHES, NoPoseReason.TOO_FEW_INLIERS)
_POOR_FEATURES = (
    *_TOO_FEW, NoPoseReason.TOO_FEW_FEATURES, NoPoseReason.DEGENERATE, NoPoseReason.TOO_UNCERTAIN,
)  # fmt: skip


class Localizer:
    """Localizes images in one map. One object per thread.

    `method` may be set at any time: one of `config.METHODS`. `view_centres` (V, 3) are the places
    from which the map was seen.
    """

    def __init__(
        self, semantic_map: SemanticMap, config: LocalizerConfig | None = None,
        semantics: Semantics | None = None,
    ) -> None:
        """`semantics` of the same map, for the methods that use labels.

        Raises MapError if the map has no points, or features of another kind.
        """
        self._config = config or LocalizerConfig()
        self.method = self._config.method
        self._extractor = RootSift(self._config.features)
        check_map(semantic_map, self._extractor.model)
        self._matcher = PointMatcher(semantic_map, self._config.matching, self._config.seed)
        self.semantics = semantics
        self._map_from_view = se3.inverse(np.asarray(semantic_map.camera_from_map))
        self.view_centres = self._map_from_view[:, :3, 3]
        self._scorer = MatchScorer(semantic_map, self._config)
        self._mapping_covariance = mapping_covariance(semantic_map.manifest.build)
        check_mapping_covariance(self._mapping_covariance)
        self._objects = ObjectLocalizer(self._config, self._mapping_covariance)
        # rows of the objects that contradicted features last, and the stamp of that
        self._contesting: tuple[frozenset[int], int] = frozenset(), 0

    def localize(self, frame: Frame, prior: Prior | None = None) -> PoseEstimate | NoPose:
        """Where the camera was when it took the frame, in map coordinates.

        With a prior, matching is guided by it (against the whole map only where that fails),
        and a pose against it is refused. The frame's places choose what of the whole map is
        matched. Whatever is wrong with the arguments is a `NoPose` with one line of detail, never
        an exception; labels, places and objects that cannot be used are a detail too.
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
        finds, flaw = self._objects.finds(frame)
        found = self._with_objects(frame, prior, finds, watch)
        return replace(found, detail="; ".join(filter(None, (found.detail, flaw))))

    def _with_objects(
        self, frame: Frame, prior: Prior | None, finds: list[Find], watch: Stopwatch
    ) -> PoseEstimate:
        """By features and by objects."""
        seen: FrameMatches | None = None
        try:
            seen = self._seen(frame, prior, watch)
            found = replace(self._by(seen.methods, seen), detail=seen.flaw)
        except Refused as refusal:
            if not finds or refusal.reason not in _POOR_FEATURES:
                raise
            return self._by_objects(frame, prior, finds, seen, watch, refusal)
        if not finds:
            return found
        with watch.stage("objects"):
            fused = self._objects.fused(frame, finds, found, prior)
        return fused or self._contested(frame, prior, finds, seen, found)

    def _is_asked_again(self, frame: Frame, prior: Prior | None) -> bool:
        """Whether objects that contradict features are to be asked where else the camera could be.

        It takes as long as a second localization, and an object that was moved contradicts every
        frame: while there is a prior, the same objects are asked only now and then.
        """
        assert frame.objects is not None, "finds are of objects"
        rows, (known, asked_ns) = frozenset(frame.objects.objects.tolist()), self._contesting
        since_s = (frame.stamp_ns - asked_ns) / 1e9
        if prior is not None and rows <= known and 0 <= since_s < self._config.objects.contested_s:
            return False
        self._contesting = rows, frame.stamp_ns
        return True

    def _by_objects(
        self, frame: Frame, prior: Prior | None, finds: list[Find], seen: FrameMatches | None,
        watch: Stopwatch, refusal: Refused,
    ) -> PoseEstimate:  # fmt: skip
        """Where features alone give no pose."""
        try:
            alone = self._objects.pose(frame, finds, prior, watch)
        except Refused as other:
            refusal.detail += f"; objects: {other.reason.value}: {other.detail}"
            raise refusal from None
        near = None if seen is None else self._near(seen, alone)
        fused = None if near is None else self._objects.fused(frame, finds, near, prior)
        return fused or replace(alone, detail=f"features: {refusal.detail}")

    def _contested(
        self, frame: Frame, prior: Prior | None, finds: list[Find], seen: FrameMatches,
        found: PoseEstimate,
    ) -> PoseEstimate:  # fmt: skip
        """The pose of features though it expects none of the objects where they were found: they
        may have been moved. But where they are, more features may fit."""
        said = f"{len(finds)} finds of objects, none where expected"
        found = replace(found, detail="; ".join(filter(None, (found.detail, said))))
        if not self._is_asked_again(frame, prior):
            return found
        try:
            near = self._near(seen, self._objects.pose(frame, finds, prior, seen.watch))
        except Refused:
            return found
        if near is None or len(near.inliers) <= len(found.inliers):
            return found
        return self._objects.fused(frame, finds, near, prior) or found

    def _near(self, seen: FrameMatches, found: PoseEstimate) -> PoseEstimate | None:
        """The pose of features that are matched around a pose that was found without them."""
        there = seen.near(Prior(found.camera_from_map, found.covariance))
        poses = self._from_source(there.methods, there, "prior", {})
        return max(poses, key=lambda one: len(one.inliers), default=None)

    def _seen(self, frame: Frame, prior: Prior | None, watch: Stopwatch) -> FrameMatches:
        """What the frame offers to features; refused if it has too few."""
        with watch.stage("features"):
            features = self._features(frame)
        method = self.method  # another thread may set it meanwhile
        if method == "pnp" or (method == "auto" and frame.labels is None):
            labels, flaw = None, ""
        else:
            with watch.stage("labels"):
                labels, flaw = usable_labels(frame, self.semantics)
        views, unused = self._views_of_places(frame)
        methods = ("pnp",) if labels is None else _METHODS_BY_LABELS[method]
        return FrameMatches(
            frame, prior, labels, features, self._matcher, self._config, watch, views, methods,
            "; ".join(filter(None, (flaw, unused))),
        )  # fmt: skip

    def _views_of_places(self, frame: Frame) -> tuple[list[int], str]:
        """Rows of the views to be matched first, and one line if places cannot be used."""
        places, flaw = usable_places(frame, len(self._map_from_view))
        if places is None:
            return [], flaw
        return views_of_places(places, self._map_from_view, self._config.places).tolist(), ""

    def _features(self, frame: Frame) -> Features:
        features = self._extractor.extract(frame.image, frame.mask)
        needed = self._config.pnp.min_inliers
        if len(features) < needed:
            detail = f"{len(features)} features, need {needed}"
            raise Refused(NoPoseReason.TOO_FEW_FEATURES, detail)
        return features

    def _by(self, methods: tuple[str, ...], seen: FrameMatches) -> PoseEstimate:
        """Of what each source of matches gives the pose with most inliers, first of those with
        which labels agree.

        Matches near the prior come first, and others only where these give nothing: the prior
        may be wrong; the gate compares it with what the map says. Matches with the views that
        places name have few rivals; but a wrong place has some that fit, too, so the whole map
        is always asked besides.
        """
        found: list[PoseEstimate] = []
        refusals: dict[str, Refused] = {}
        for source in seen.sources:
            poses = self._from_source(methods, seen, source, refusals)
            found += poses
            final = any(one.reason not in _TOO_FEW for one in refusals.values())
            if source == "prior" and (poses or final):
                break
        if not found:
            raise refusals.get("pnp") or next(iter(refusals.values()))
        agreeing = [one for one in found if _agrees(one)]
        return max(agreeing or found, key=lambda one: len(one.inliers))

    def _from_source(
        self, methods: tuple[str, ...], seen: FrameMatches, source: str,
        refusals: dict[str, Refused],
    ) -> list[PoseEstimate]:  # fmt: skip
        """Poses by the methods up to the first with whose pose labels agree; why others have none
        goes into `refusals`."""
        found: list[PoseEstimate] = []
        for method in methods:
            if method == "gsmc" and len(methods) > 1 and (found or source != "map"):
                continue  # it is slow, and of the others most matches are right
            try:
                found.append(self._by_one(method, seen, source))
            except Refused as refusal:
                refusals[method] = refusal
            if found and _agrees(found[-1]):
                break
        return found

    def _by_one(self, method: str, seen: FrameMatches, source: str) -> PoseEstimate:
        """The pose by one of pnp, ssmc and gsmc."""
        frame, watch = seen.frame, seen.watch
        first_pose = self._solve(method, seen, seen.offered(source, method != "pnp"))
        with watch.stage("refinement"):
            pose, matches, agreement = self._refine(method, seen, first_pose)
            inliers = self._inliers(frame, pose, matches)
        with watch.stage("covariance"):
            covariance = self._covariance(frame, pose, inliers)
        gate.check(frame.camera, pose, covariance, inliers, seen.prior, self._config.gate)
        return PoseEstimate(
            frame.stamp_ns, pose, covariance, inliers, len(matches), watch.stage_ms,
            method, agreement,
        )  # fmt: skip

    def _solve(self, method: str, seen: FrameMatches, offered: Correspondences) -> FloatArray:
        """The pose of most matches; refused if too few support it."""
        matches = self._kept(method, seen, offered)
        pnp = self._config.pnp
        needed = pnp.min_inliers if method == "pnp" else pnp.min_labelled_inliers
        if len(matches) < needed:
            detail = f"{len(matches)} matches, need {needed}"
            raise Refused(NoPoseReason.TOO_FEW_MATCHES, detail, len(matches))
        pose = self._sampled_pose(method, seen, matches)
        support = 0 if pose is None else self._support(method, seen, pose, matches)
        if pose is None or support < needed:
            detail = f"{support} inliers of {len(matches)} matches, need {needed}"
            raise Refused(NoPoseReason.TOO_FEW_INLIERS, detail, len(matches), support)
        return pose

    def _support(
        self, method: str, seen: FrameMatches, pose: FloatArray, matches: Correspondences
    ) -> int:
        """Inliers of a pose; those only that labels do not speak against, if they were asked:
        a house that looks like the right one has inliers too, but of other labels."""
        inliers = self._inliers(seen.frame, pose, matches)
        if method != "pnp" and seen.labels is not None:
            inliers = seen.labels.consistent(inliers)
        return len(inliers)

    def _kept(
        self, method: str, seen: FrameMatches, matches: Correspondences
    ) -> Correspondences:
        """What labels leave of the matches."""
        if method != "ssmc" or seen.labels is None:
            return matches
        with seen.watch.stage("labels"):
            return seen.labels.consistent(matches)

    def _sampled_pose(
        self, method: str, seen: FrameMatches, matches: Correspondences
    ) -> FloatArray | None:
        """RANSAC in the order of descriptors, or by what labels and gravity say of the matches."""
        camera, pnp, seed = seen.frame.camera, self._config.pnp, self._config.seed
        if method != "gsmc" or seen.labels is None:
            with seen.watch.stage("pnp"):
                return estimate_pose(camera, matches, pnp, seed)
        with seen.watch.stage("gsmc"):
            scored = self._scorer.clearest(matches)
            scores = self._scorer.scores(seen.frame, seen.labels, scored, seen.prior)
        pnp = replace(pnp, min_inliers=pnp.min_labelled_inliers)
        with seen.watch.stage("pnp"):
            if self._config.gsmc.sampler == "ordered":
                return ordered_pose(camera, scored, scores, pnp, seed)
            return weighted_pose(camera, scored, scores, pnp, np.random.default_rng(seed))

    def _refine(
        self, method: str, seen: FrameMatches, pose: FloatArray
    ) -> tuple[FloatArray, Correspondences, float | None]:
        """Pose and matches after matching again around the pose found so far, and the share of
        all that fit the pose, not only of those kept, whose labels agree."""
        frame = seen.frame
        for _ in range(_GUIDED_ROUNDS):
            around = seen.around(pose)
            matches = self._kept(method, seen, around)
            pose = refine_pose(frame.camera, pose, self._inliers(frame, pose, matches))
        inliers = self._inliers(frame, pose, matches)
        if len(inliers) < self._config.pnp.min_inliers:
            detail = f"{len(inliers)} inliers after refinement, need {self._config.pnp.min_inliers}"
            raise Refused(NoPoseReason.TOO_FEW_INLIERS, detail, len(matches), len(inliers))
        agreement = None
        if seen.labels is not None:
            agreement = seen.labels.agreement(self._inliers(frame, pose, around))
        return pose, matches, agreement

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


def _agrees(found: PoseEstimate) -> bool:
    return found.labels_agree is None or found.labels_agree >= _LEAST_AGREEMENT
