"""The pose a robot was last known to have, in a small yaml file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import yaml

from semloc_ros.errors import InputError, expected
from semloc_ros.geometry import se3
from semloc_ros.maps.manifest import FILE_NAME
from semloc_ros.nodes.messages import checked_covariance
from semloc_ros.types import FloatArray

_KEYS = {"map", "map_id", "frame", "position", "quaternion_xyzw", "covariance", "stamp_ns"}


def map_id(folder: str) -> str:
    """What tells maps apart, wherever their folder lies: the hash of the manifest, which seals
    every file. Without a manifest the folder itself."""
    place = Path(folder).expanduser()
    try:
        return "sha256:" + hashlib.sha256((place / FILE_NAME).read_bytes()).hexdigest()
    except OSError:
        return str(place.resolve())


def save_pose(
    path: Path, map_folder: str, frame: str, stamp_ns: int, pose: FloatArray, covariance: FloatArray
) -> None:
    """Write `map_from_base` (4, 4) and its covariance (6, 6); InputError if that fails."""
    position, quaternion = se3.to_quaternion_xyzw(pose)
    values = {
        "map": map_folder,
        "map_id": map_id(map_folder),
        "frame": frame,
        "stamp_ns": stamp_ns,
        "position": position.tolist(),
        "quaternion_xyzw": quaternion.tolist(),
        "covariance": covariance.ravel().tolist(),
    }
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(yaml.safe_dump(values, sort_keys=False))
        os.replace(part, path)
    except OSError as error:
        raise InputError(expected(str(path), "a file that can be written", error)) from None


def load_pose(path: Path, map_folder: str, frame: str) -> tuple[FloatArray, FloatArray]:
    """`map_from_base` and its covariance; InputError for a missing or broken file, or if the
    pose belongs to another map or frame."""
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InputError(expected(str(path), "a saved pose", reason)) from None
    if not isinstance(values, dict) or set(values) != _KEYS:
        raise InputError(expected(str(path), f"the keys {', '.join(sorted(_KEYS))}", values))
    if (values["map_id"], values["frame"]) != (map_id(map_folder), frame):
        got = f"one of {values['map']} as it was then, in frame {values['frame']}"
        raise InputError(expected(str(path), f"a pose of {map_folder} in frame {frame}", got))
    return _numbers(path, values)


def _numbers(path: Path, values: dict[str, object]) -> tuple[FloatArray, FloatArray]:
    try:
        position = np.array(values["position"], dtype=np.float64).reshape(3)
        quaternion = np.array(values["quaternion_xyzw"], dtype=np.float64).reshape(4)
        covariance = np.array(values["covariance"], dtype=np.float64).reshape(6, 6)
    except (ValueError, TypeError) as error:
        raise InputError(expected(str(path), "3, 4 and 36 numbers", error)) from None
    covariance = checked_covariance(f"{path}: covariance", covariance)
    return se3.from_quaternion_xyzw(position, quaternion), covariance
