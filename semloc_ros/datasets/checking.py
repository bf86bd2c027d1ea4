"""What can be checked of any data set: samples open, sizes fit, poses are rigid, names differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from semloc_ros.datasets.contents import DatasetContents, Sample
from semloc_ros.errors import SemlocError
from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: whether it passed, and what was found, in one line."""

    check: str
    passed: bool
    found: str


def check_contents(contents: DatasetContents) -> list[Finding]:
    """The findings on samples, names and poses, in that order."""
    findings = [_check_samples(contents.samples)]
    if contents.names:
        findings.append(_check_names(contents.names))
    for group, poses in contents.poses.items():
        findings.append(_check_poses(group, poses))
    return findings


def fault_of(sample: Sample) -> str | None:
    """Why a sample cannot be used, in one line; None if it can."""
    try:
        height, width = sample.read().shape[:2]
    except SemlocError as error:
        return str(error)
    lens = sample.camera
    if lens is not None and (width, height) != (lens.width, lens.height):
        return f"{sample.name}: expected {lens.width}x{lens.height}, got {width}x{height}"
    return None


def _check_samples(samples: tuple[Sample, ...]) -> Finding:
    faults = [fault for fault in map(fault_of, samples) if fault is not None]
    if not samples:
        return Finding("samples", True, "no images")
    if faults:
        return Finding("samples", False, f"{len(faults)} of {len(samples)}: {faults[0]}")
    sized = any(sample.camera is not None for sample in samples)
    fit = ", of the camera's size" if sized else ""
    return Finding("samples", True, f"{len(samples)} read{fit}")


def _check_names(names: Mapping[str, tuple[str, ...]]) -> Finding:
    repeated = [
        name for group in names.values() for name, count in Counter(group).items() if count > 1
    ]
    if repeated:
        return Finding("names", False, f"{len(repeated)} more than once, such as {repeated[0]}")
    return Finding("names", True, f"{sum(map(len, names.values()))}, all different")


def _check_poses(group: str, poses: FloatArray) -> Finding:
    name = f"poses, {group}"
    for index, pose in enumerate(poses):
        try:
            se3.check_pose(f"pose {index}", pose)
        except SemlocError as error:
            return Finding(name, False, str(error))
    centres = se3.inverse(poses)[:, :3, 3]
    size = " x ".join(f"{side:.1f}" for side in np.ptp(centres, axis=0))
    same = len(poses) - len(np.unique(poses.reshape(len(poses), -1), axis=0))
    twins = f", {same} the same as another" if same else ""
    return Finding(name, True, f"{len(poses)} rigid, over {size} m{twins}")
