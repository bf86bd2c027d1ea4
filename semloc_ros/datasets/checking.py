"""What can be checked of any data set: samples open, sizes fit, poses are rigid, names differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets.contents import DatasetContents, Sample
from semloc_ros.datasets.decoder_messages import cut_short, decoder_messages
from semloc_ros.errors import SemlocError, expected
from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray

_FARTHEST_M = 1e8  # of a camera from the origin: maps of the whole Earth have 6.4e6


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
    for group, positions in contents.positions.items():
        findings.append(_check_positions(group, positions))
    return findings


def opened(sample: Sample) -> NDArray[np.uint8] | str:
    """The picture of a sample; or why it cannot be used, in one line."""
    with decoder_messages() as messages:
        try:
            image = sample.read()
        except SemlocError as error:
            return str(error)
        except OSError as error:  # such as a folder that may not be entered
            return expected(str(error.filename or sample.name), "an image", error.strerror)
    if cut_short(messages):
        return expected(sample.name, "a whole image", "one that was cut")
    height, width = image.shape[:2]
    lens = sample.camera
    if lens is not None and (width, height) != (lens.width, lens.height):
        return expected(sample.name, f"{lens.width}x{lens.height}", f"{width}x{height}")
    return image


def near_enough(places: FloatArray) -> NDArray[np.bool_]:
    """Of poses (N, 4, 4) or positions (N, D), which can be: finite, not far beyond the Earth."""
    positions = places[:, :3, 3] if places.ndim == 3 else places
    return np.asarray(np.abs(positions).max(axis=1) < _FARTHEST_M)


def _check_samples(samples: tuple[Sample, ...]) -> Finding:
    faults = [found for found in map(opened, samples) if isinstance(found, str)]
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


def _check_positions(group: str, positions: FloatArray) -> Finding:
    name = f"positions, {group}"
    near = near_enough(positions)
    if not near.all():
        wanted = f"one within {_FARTHEST_M:.0e} m of the origin"
        got = positions[np.argmin(near)].tolist()
        return Finding(name, False, expected(f"position {np.argmin(near)}", wanted, got))
    size = " x ".join(f"{side:.1f}" for side in np.ptp(positions, axis=0))
    return Finding(name, True, f"{len(positions)} over {size} m")


def _check_poses(group: str, poses: FloatArray) -> Finding:
    name = f"poses, {group}"
    for index, pose in enumerate(poses):
        try:
            se3.check_pose(f"pose {index}", pose)
        except SemlocError as error:
            return Finding(name, False, str(error))
    near = near_enough(poses)
    if not near.all():
        wanted = f"a camera within {_FARTHEST_M:.0e} m of the origin"
        return Finding(name, False, expected(f"pose {np.argmin(near)}", wanted, "one far outside"))
    centres = se3.inverse(poses)[:, :3, 3]
    size = " x ".join(f"{side:.1f}" for side in np.ptp(centres, axis=0))
    same = len(poses) - len(np.unique(poses.reshape(len(poses), -1), axis=0))
    twins = f", {same} the same as another" if same else ""
    return Finding(name, True, f"{len(poses)} rigid, over {size} m{twins}")
