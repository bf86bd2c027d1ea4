"""A run as a recording for rerun's viewer (rerun.io): everything over the time of the stamps.

    map/points        the map                              map/truth      the true path
    map/fixes         all fixes, by state's color          map/base       the pose now, with its
    map/base/camera   the camera and its image,                           1-sigma ellipsoid
                      with inliers and reprojections
    status            state and reason of each frame       errors/…, evidence/…   curves

and, where the run kept its evidence (`evidence`), at each frame:

    map/base/camera/mask        what moves                 map/matches    points of the inliers
    map/base/camera/matches     inliers, and lines from    map/particles  the filter's, an arrow
    map/base/camera/residuals   there to the reprojection                 along the base's x each
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.evaluation.conditions import Condition
from semloc_ros.evaluation.evidence import EVIDENCE, NO_EVIDENCE, Evidence, read_evidence
from semloc_ros.evaluation.figures import STATE_COLORS
from semloc_ros.evaluation.recording import THUMBNAILS
from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray

_TIMELINE = "stamp"
_SHADE = (150, 158, 170)
_GOOD, _BAD = np.array((0, 200, 0)), np.array((230, 30, 30))  # colors of inliers
_BAD_PX = 3.0  # residuals from here on are as bad as can be
_LIGHT, _HEAVY = np.array((190, 205, 225)), np.array((20, 60, 160))  # colors of particles
_ARROW_M = 0.3
_MASK_COLOR, _MASK_OPACITY = (230, 30, 30), 0.4
_EVIDENCE = ("inliers", "matches", "latency_ms", "spread_m", "masked_fraction")


def write_rerun(path: Path, one: Condition, points_map: FloatArray | None = None) -> None:
    """Write a .rrd file of a run; ModuleNotFoundError without rerun-sdk (extra `rerun`)."""
    import rerun

    path.parent.mkdir(parents=True, exist_ok=True)
    stream = rerun.RecordingStream("semloc", recording_id=one.name)
    stream.save(str(path))
    _log_places(rerun, stream, one, points_map)
    _log_mount(rerun, stream, one)
    for row in range(len(one.run.poses)):
        _log_pose(rerun, stream, one, row)
    for status in one.run.statuses:
        _log_status(rerun, stream, one, status)
    if (one.folder / EVIDENCE).is_dir():
        _log_evidence(rerun, stream, one)
    stream.flush()
    stream.disconnect()


def _log_places(
    rerun: Any, stream: Any, one: Condition, points_map: FloatArray | None
) -> None:
    stream.log("map", rerun.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
    if points_map is not None:
        stream.log("map/points", rerun.Points3D(points_map, colors=_SHADE, radii=0.01), static=True)
    truth = one.run.truth.map_from_base[:, :3, 3]
    stream.log("map/truth", rerun.LineStrips3D([truth], colors=[(40, 40, 40)]), static=True)
    fixes = one.run.poses.map_from_base[:, :3, 3]
    colors = [STATE_COLORS[state] for state in one.judged.pose_states]
    shades = [tuple(int(color[at : at + 2], 16) for at in (1, 3, 5)) for color in colors]
    if len(fixes):
        stream.log("map/fixes", rerun.Points3D(fixes, colors=shades, radii=0.03), static=True)


def _log_mount(rerun: Any, stream: Any, one: Condition) -> None:
    """Where the camera sits and what it sees, at the size of the thumbnails."""
    for frame, numbers in one.about.get("mounts", {}).items():
        base_from_camera = np.array(numbers, dtype=np.float64).reshape(4, 4)
        stream.log("map/base/camera", _transform(rerun, base_from_camera), static=True)
        lens = one.about.get("cameras", {}).get(frame)
        if lens:
            scale = _scale_of(lens)
            stream.log("map/base/camera", rerun.Pinhole(
                focal_length=(scale * lens["fx"], scale * lens["fy"]),
                principal_point=_shown(np.array([lens["cx"], lens["cy"]]), scale),
                resolution=(scale * lens["width"], scale * lens["height"]),
                image_plane_distance=0.5,
            ), static=True)  # fmt: skip


def _log_pose(rerun: Any, stream: Any, one: Condition, row: int) -> None:
    poses, judged = one.run.poses, one.judged
    _set_time(stream, int(poses.stamps_ns[row]))
    stream.log("map/base", _transform(rerun, poses.map_from_base[row]))
    variances, axes = np.linalg.eigh(poses.covariances[row][:3, :3])
    turned = axes * np.sign(np.linalg.det(axes))
    _, quaternion = se3.to_quaternion_xyzw(
        se3.make_pose(turned, poses.map_from_base[row][:3, 3])
    )
    stream.log("map/spread", rerun.Ellipsoids3D(
        centers=[poses.map_from_base[row][:3, 3]],
        half_sizes=[np.sqrt(np.maximum(variances, 0.0))],
        quaternions=[rerun.Quaternion(xyzw=quaternion)],
    ))  # fmt: skip
    for name, value in (("position_cm", 100 * judged.position_m[row]),
                        ("rotation_deg", judged.rotation_deg[row])):  # fmt: skip
        if np.isfinite(value):
            stream.log(f"errors/{name}", rerun.Scalars(float(value)))


def _log_status(rerun: Any, stream: Any, one: Condition, status: Any) -> None:
    _set_time(stream, status.stamp_ns)
    level = "INFO" if status.state.value == "TRACKING" else "WARN"
    detail = status.values.get("detail", "")
    text = f"{status.state.value} {status.reason} {detail}".rstrip()
    stream.log("status", rerun.TextLog(text, level=level))
    for name in _EVIDENCE:
        if status.values.get(name):
            stream.log(f"evidence/{name}", rerun.Scalars(float(status.values[name])))
    photo = one.folder / THUMBNAILS / f"{status.stamp_ns}.jpg"
    if photo.exists():
        stream.log("map/base/camera/image", rerun.EncodedImage(path=photo))


def _log_evidence(rerun: Any, stream: Any, one: Condition) -> None:
    """Of every frame; what one frame lacks, of the frame before it does not stay."""
    classes = [(0, "stands", (0, 0, 0, 0)), (255, "moves", _MASK_COLOR)]
    stream.log("map/base/camera", rerun.AnnotationContext(classes), static=True)
    scale = next((_scale_of(lens) for lens in one.about.get("cameras", {}).values()), 1.0)
    for stamp in one.run.frames_ns.tolist():
        path = one.folder / EVIDENCE / f"{stamp}.npz"
        evidence = read_evidence(path) if path.exists() else NO_EVIDENCE
        _set_time(stream, stamp)
        _log_mask(rerun, stream, evidence.mask, scale)
        _log_matches(rerun, stream, evidence, scale)
        _log_particles(rerun, stream, evidence)


def _log_mask(rerun: Any, stream: Any, mask: NDArray[np.uint8] | None, scale: float) -> None:
    shown: Any = rerun.Clear(recursive=False)
    if mask is not None:
        size = (max(1, round(scale * mask.shape[1])), max(1, round(scale * mask.shape[0])))
        small = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
        shown = rerun.SegmentationImage(small, opacity=_MASK_OPACITY)
    stream.log("map/base/camera/mask", shown)


def _log_matches(rerun: Any, stream: Any, evidence: Evidence, scale: float) -> None:
    lengths = np.nan_to_num(np.linalg.norm(evidence.residuals, axis=1), nan=_BAD_PX)
    colors = _between(_GOOD, _BAD, lengths / _BAD_PX)
    starts = _shown(evidence.pixels, scale)
    ends = _shown(evidence.pixels + np.nan_to_num(evidence.residuals), scale)
    lines = np.stack([starts, ends], axis=1)
    camera = "map/base/camera"
    stream.log(f"{camera}/matches", rerun.Points2D(starts, colors=colors, radii=1.5))
    stream.log(f"{camera}/residuals", rerun.LineStrips2D(lines, colors=colors))
    stream.log("map/matches", rerun.Points3D(evidence.points_map, colors=colors, radii=0.03))
    if len(lengths):
        stream.log("evidence/residual_px", rerun.Scalars(float(np.median(lengths))))


def _log_particles(rerun: Any, stream: Any, evidence: Evidence) -> None:
    if not len(evidence.particles):
        stream.log("map/particles", rerun.Clear(recursive=False))
        return
    poses = se3.from_quaternion_xyzw(evidence.particles[:, :3], evidence.particles[:, 3:])
    shares = evidence.weights / max(float(evidence.weights.max()), 1e-12)
    stream.log("map/particles", rerun.Arrows3D(
        origins=poses[:, :3, 3], vectors=_ARROW_M * poses[:, :3, 0],
        colors=_between(_LIGHT, _HEAVY, shares),
    ))  # fmt: skip


def _between(first: Any, last: Any, shares: NDArray[Any]) -> NDArray[np.uint8]:
    """Colors (N, 3) on the way from one to the other."""
    parts = np.clip(shares, 0.0, 1.0)[:, None]
    return np.asarray(first + parts * (last - first)).astype(np.uint8)


def _scale_of(lens: Mapping[str, Any]) -> float:
    """Width of the image in the recording by that of the camera's."""
    return float(lens["thumbnail_width"] / lens["width"]) if lens["thumbnail_width"] else 1.0


def _shown(pixels: NDArray[Any], scale: float) -> NDArray[Any]:
    """Pixels as the viewer counts them: (0, 0) is the corner of the first pixel."""
    return (pixels + 0.5) * scale


def _transform(rerun: Any, parent_from_child: FloatArray) -> Any:
    position, quaternion = se3.to_quaternion_xyzw(parent_from_child)
    return rerun.Transform3D(
        translation=position, quaternion=rerun.Quaternion(xyzw=quaternion)
    )


def _set_time(stream: Any, stamp_ns: int) -> None:
    stream.set_time(_TIMELINE, timestamp=np.datetime64(stamp_ns, "ns"))
