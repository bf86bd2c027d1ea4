"""A run as a recording for rerun's viewer (rerun.io): everything over the time of the stamps.

    map/points        the map                              map/truth      the true path
    map/fixes         all fixes, by state's color          map/base       the pose now, with its
    map/base/camera   the camera and its image,                           1-sigma ellipsoid
                      with inliers and reprojections
    status            state and reason of each frame       errors/…, evidence/…   curves
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from semloc_ros.evaluation.conditions import Condition
from semloc_ros.evaluation.figures import STATE_COLORS
from semloc_ros.evaluation.recording import THUMBNAILS
from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray

_TIMELINE = "stamp"
_SHADE = (150, 158, 170)
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
            scale = lens["thumbnail_width"] / lens["width"] if lens["thumbnail_width"] else 1.0
            stream.log("map/base/camera", rerun.Pinhole(
                focal_length=(scale * lens["fx"], scale * lens["fy"]),
                principal_point=(scale * lens["cx"], scale * lens["cy"]),
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


def _transform(rerun: Any, parent_from_child: FloatArray) -> Any:
    position, quaternion = se3.to_quaternion_xyzw(parent_from_child)
    return rerun.Transform3D(
        translation=position, quaternion=rerun.Quaternion(xyzw=quaternion)
    )


def _set_time(stream: Any, stamp_ns: int) -> None:
    stream.set_time(_TIMELINE, timestamp=np.datetime64(stamp_ns, "ns"))
