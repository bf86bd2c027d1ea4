"""How well images are localized by their objects of interest, and how far matches can be trusted.

After Weinzaepfel et al., "Visual Localization by Learning Objects-of-Interest Dense Match
Regression" (CVPR 2019), section 5.1: the share of ALL images whose pose errs by at most so many
metres and 5°. Matches are judged in pixels of the image: where the true pose shows that place of
the reference image, against where it was found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from semloc_ros.geometry import cameras, se3
from semloc_ros.maps.objects import MapObjects, ObjectInstance
from semloc_ros.types import (
    FloatArray,
    NoPose,
    ObjectDetection,
    PictureObjects,
    PosedImage,
    PoseEstimate,
)

MOST_DEG = 5.0  # rotation error of an image that is localized
LEAST_SHARE = 0.005  # of an image's pixels: less of an object need not be found
_FALSE = 0.25  # of its box's diagonal: a find whose matches err by more, by half, is of no object
_ONE_SIGMA = 68.27  # % of normal numbers are as near to their mean
_NONE: FloatArray = np.empty((0, 2))


@dataclass(frozen=True, slots=True)
class JudgedFind:
    """One find: its object, whether that is there, and its matches: `errors_px` (N, 2),
    `sigmas_px` (N,) as was said, and `errors_uv` (N, 2) of the reference image; all empty if it is
    false."""

    name: str
    is_true: bool
    errors_px: FloatArray
    sigmas_px: FloatArray
    errors_uv: FloatArray = field(default_factory=_NONE.copy)


@dataclass(frozen=True, slots=True)
class JudgedImage:
    """One image: errors of its pose, infinite if it has none, and then why (`reason`); its finds;
    `seen` objects that it shows well enough, -1 where that is not known, of which `missed` were not
    found; milliseconds by stage."""

    name: str
    position_m: float
    rotation_deg: float
    reason: str = ""
    finds: tuple[JudgedFind, ...] = ()
    seen: int = -1
    missed: int = 0
    stage_ms: Mapping[str, float] = field(default_factory=dict)


def judge_pose(
    image: PosedImage, found: PoseEstimate | NoPose, finds: Sequence[JudgedFind] = (),
    truth: PictureObjects | None = None, stage_ms: Mapping[str, float] | None = None,
) -> JudgedImage:  # fmt: skip
    """What was found of an image whose pose is known; `stage_ms` beside those of the pose."""
    position, rotation = np.inf, np.inf
    if isinstance(found, PoseEstimate):
        estimate, true = (se3.inverse(one.camera_from_map) for one in (found, image))
        position, rotation = map(float, se3.pose_error(estimate, true))
    shown = shown_objects(truth) if truth is not None else []
    right = [one.name for one in finds if one.is_true]
    missed = sum(max(shown.count(name) - right.count(name), 0) for name in set(shown))
    return JudgedImage(
        image.name, position, float(np.degrees(rotation)),
        found.reason.value if isinstance(found, NoPose) else "", tuple(finds),
        -1 if truth is None else len(shown), missed, {**(stage_ms or {}), **found.stage_ms},
    )  # fmt: skip


def judge_finds(
    detections: Sequence[ObjectDetection], objects: MapObjects, image: PosedImage,
    are_true: bool = False,
) -> list[JudgedFind]:  # fmt: skip
    """Finds beside the true pose; `objects` as they truly hang. Of an object with several places it
    is the one where the matches err least. `are_true`: boxes and names were given, so that no find
    is false, however much its matches err."""
    places = {one.name: one.instances for one in objects.objects}
    found = []
    for one in detections:
        apart = [_errors(one, place, image) for place in places[one.name]]
        errors, errors_uv = min(apart, key=lambda each: _median(each[0]))
        size = float(np.linalg.norm(one.box[2:] - one.box[:2]))
        is_true = are_true or _median(errors) <= _FALSE * size
        known = np.isfinite(np.c_[errors, errors_uv]).all(axis=1) & is_true
        found.append(JudgedFind(
            one.name, is_true, errors[known], one.sigmas_px[known], errors_uv[known]
        ))  # fmt: skip
    return found


def shown_objects(truth: PictureObjects) -> list[str]:
    """Names of the objects of which enough is seen to be found."""
    counts = np.bincount(truth.numbers.ravel(), minlength=len(truth.names) + 1)[1:].tolist()
    least = LEAST_SHARE * truth.numbers.size
    return [name for name, pixels in zip(truth.names, counts, strict=True) if pixels >= least]


def localized(images: Sequence[JudgedImage], limits_m: Sequence[float]) -> FloatArray:
    """Share (L,) of all images localized within each of the limits, and 5°."""
    if not images:
        return np.full(len(limits_m), np.nan)
    position = np.array([one.position_m for one in images])
    position[np.array([one.rotation_deg for one in images]) > MOST_DEG] = np.inf
    shares: FloatArray = (position[:, None] <= np.asarray(limits_m)).mean(axis=0)
    return shares


@dataclass(frozen=True, slots=True)
class Calibration:
    """Matches by what they were said to err by, in B groups of as many each: the mean of `sigmas`
    (B,) px, and `errors` (B,) px, below which 68 % of the coordinates stay; and for all matches the
    shares `within` (3,) of coordinates that err by at most 1, 2 and 3 sigma (0.68, 0.95 and 0.997
    if errors are normal), and `normalized`, the errors over sigma below which 68 % stay (1 is
    honest)."""

    sigmas: FloatArray
    errors: FloatArray
    within: FloatArray
    normalized: float


def calibration(finds: Sequence[JudgedFind], groups: int = 8) -> Calibration | None:
    """That of all matches of true finds, None if there are fewer than groups."""
    errors = np.concatenate([_NONE, *(one.errors_px for one in finds)])
    sigmas = np.concatenate([np.empty(0), *(one.sigmas_px for one in finds)])
    if len(sigmas) < groups:
        return None
    parts = np.array_split(np.argsort(sigmas, kind="stable"), groups)
    over = np.abs(errors) / sigmas[:, None]
    return Calibration(
        np.array([sigmas[part].mean() for part in parts]),
        np.array([np.percentile(np.abs(errors[part]), _ONE_SIGMA) for part in parts]),
        np.array([(over <= count).mean() for count in (1, 2, 3)]),
        float(np.percentile(over, _ONE_SIGMA)),
    )


def summary(images: Sequence[JudgedImage]) -> dict[str, float]:
    """Numbers of many images: medians of the pose errors over ALL of them (inf if most have no
    pose), `recall` of objects that are seen well enough, `false` finds in an image, the median
    error of a match, in pixels and of (u, v), and milliseconds of each stage (`ms_…`, medians)."""
    finds = [find for one in images for find in one.finds]
    known = [one for one in images if one.seen >= 0]
    seen = sum(one.seen for one in known)
    errors = np.concatenate([_NONE, *(find.errors_px for find in finds)])
    errors_uv = np.concatenate([_NONE, *(find.errors_uv for find in finds)])
    numbers = {
        "position_cm": 100 * _middle([one.position_m for one in images]),
        "rotation_deg": _middle([one.rotation_deg for one in images]),
        "recall": 1 - sum(one.missed for one in known) / seen if seen else float("nan"),
        "false": sum(not find.is_true for find in finds) / max(len(images), 1),
        "match_px": _middle(np.linalg.norm(errors, axis=1)),
        "match_uv": _middle(np.linalg.norm(errors_uv, axis=1)),
    }
    stages = dict.fromkeys(stage for one in images for stage in one.stage_ms)
    times = {stage: [one.stage_ms.get(stage, 0.0) for one in images] for stage in stages}
    return {**numbers, **{f"ms_{stage}": _middle(spent) for stage, spent in times.items()}}


def _errors(
    found: ObjectDetection, place: ObjectInstance, image: PosedImage
) -> tuple[FloatArray, FloatArray]:
    """(N, 2) pixels, and (N, 2) of (u, v); NaN where the true camera does not see the place."""
    there = se3.transform(image.camera_from_map, place.points_map(found.points_uv))
    pixels, _ = cameras.project(image.camera, there)
    camera_from_uv = (image.camera_from_map @ place.map_from_uv)[:3]
    x, y, w = np.linalg.inv(camera_from_uv) @ cameras.unproject(image.camera, found.points_image).T
    true_uv = np.stack([x, y], axis=1) / np.where(w > 0, w, np.nan)[:, None]
    return np.asarray(found.points_image - pixels), np.asarray(found.points_uv - true_uv)


def _median(errors_px: FloatArray) -> float:
    """Of the lengths; infinite unless most are known."""
    if not len(errors_px):
        return np.inf
    return float(np.median(np.nan_to_num(np.linalg.norm(errors_px, axis=1), nan=np.inf)))


def _middle(values: Sequence[float] | NDArray[np.float64]) -> float:
    return float(np.median(values)) if len(values) else float("nan")
