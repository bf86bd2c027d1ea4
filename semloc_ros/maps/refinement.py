"""Mending the given poses: bundle adjustment that believes them only as far as they deserve.

Poses of SLAM or depth tracking err by centimetres, and what they have in common errs too: the
mounting of the camera (extrinsic), its trigger time, its lens. The true pose of view i is

    camera_from_map = exp(error_i) · correction · exp(time_offset · velocity_i) · given_i

with one correction, time offset and lens correction for all; everything is small in units of the
standard deviations of the configuration. The map frame stays that of the given poses.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from semloc_ros.config import RefinementConfig
from semloc_ros.geometry import cameras, se3
from semloc_ros.maps.bundle_adjustment import Linearization, point_steps, reduce_points
from semloc_ros.maps.lens import LENS_SIZE, corrected, lens_jacobian
from semloc_ros.maps.points import observed_pixels, rows_by_camera
from semloc_ros.maps.tracks import Tracks
from semloc_ros.types import Camera, Features, FloatArray, PosedImage

_ROBUST_PX = 1.0  # Cauchy scale: an observation's pull fades beyond
_LONGEST_GAP_NS = 500_000_000  # between images that give a velocity
_CONVERGED = 1e-4  # relative decrease of the cost
_EXACT = 1e-9  # standard deviation of what is not to be mended


@dataclass(frozen=True, slots=True)
class State:
    """What is sought: `errors` (V, 6), `correction` (4, 4), `time_offset_s`, `lens`
    (3,), see `lens.py`, and `points_map` (P, 3)."""

    errors: FloatArray
    correction: FloatArray
    time_offset_s: float
    lens: FloatArray
    points_map: FloatArray

    @staticmethod
    def initial(num_views: int, points_map: FloatArray) -> State:
        """Given poses believed as they are."""
        return State(np.zeros((num_views, 6)), np.eye(4), 0.0, np.zeros(LENS_SIZE), points_map)

    def deviations(self) -> FloatArray:
        """How far all parameters but the points are from what was given, (6V + 10,)."""
        shared = (se3.log(self.correction), [self.time_offset_s], self.lens)
        return np.concatenate([self.errors.ravel(), *shared])


class Refiner:
    """The bundle adjustment of one map."""

    def __init__(
        self, images: Sequence[PosedImage], features: Sequence[Features], config: RefinementConfig
    ) -> None:
        self._images = images
        self._keypoints = [one.keypoints for one in features]
        self._config = config
        self._given = np.stack([image.camera_from_map for image in images])
        self._velocities = velocities(images)
        self._prior = self._prior_information(len(images))

    def refine(
        self, tracks: Tracks, state: State, progress: Callable[[int, int], None] | None = None
    ) -> State:
        """The state of least cost near `state`, with the points of `tracks` for a start."""
        state = dataclasses.replace(state, points_map=tracks.points_map)
        pixels = observed_pixels(tracks, self._keypoints)
        cost, damping = self._cost(tracks, pixels, state), 1e-4
        for iteration in range(self._config.iterations):
            problem = self._linearize(tracks, pixels, state)
            while damping < 1e8:
                trial = self._step(problem, state, damping)
                trial_cost = self._cost(tracks, pixels, trial)
                damping = damping / 10 if trial_cost < cost else damping * 10
                if trial_cost < cost:
                    break
            else:
                return state
            converged = cost - trial_cost < _CONVERGED * cost
            state, cost = trial, trial_cost
            if progress:
                progress(iteration + 1, self._config.iterations)
            if converged:
                break
        return state

    def images_of(self, state: State) -> list[PosedImage]:
        """The images with the poses and cameras of the state."""
        poses = self._poses(state)
        return [
            dataclasses.replace(
                image, camera_from_map=pose, camera=corrected(image.camera, state.lens)
            )
            for image, pose in zip(self._images, poses, strict=True)
        ]

    def report(self, state: State) -> dict[str, Any]:
        """What was mended, in the manifest's words.

        `camera_from_given_camera` takes the frame whose poses were given to the camera's own:
        given_from_map = inverse(camera_from_given_camera) @ camera_from_map.
        """
        spread = np.sqrt((state.errors.reshape(-1, 2, 3) ** 2).mean(0)).round(6)
        return {
            "camera_from_given_camera": state.correction.tolist(),
            "time_offset_s": state.time_offset_s,
            "focal_factor": 1.0 + float(state.lens[0]),
            "radial_distortion_added": state.lens[1:].tolist(),
            "position_rms_m": spread[0].tolist(),
            "rotation_rms_deg": np.degrees(spread[1]).round(4).tolist(),
        }

    def _prior_information(self, num_views: int) -> FloatArray:
        """Inverse variances of all columns: pose errors, correction, time offset, lens."""
        config = self._config
        rotation = np.radians(config.rotation_sigma_deg)
        pose = np.r_[np.full(3, config.position_sigma_m), np.full(3, rotation)] ** -2.0
        shared = np.r_[
            np.full(3, config.mounting_position_sigma_m),
            np.full(3, np.radians(config.mounting_rotation_sigma_deg)),
            config.time_offset_sigma_s,
            config.focal_length_sigma,
            np.full(2, config.radial_distortion_sigma),
        ]
        return np.concatenate([np.tile(pose, num_views), np.maximum(shared, _EXACT) ** -2.0])

    def _poses(self, state: State) -> FloatArray:
        poses: FloatArray = se3.exp(state.errors) @ self._shared_poses(state)
        return poses

    def _shared_poses(self, state: State) -> FloatArray:
        shifted = se3.exp(state.time_offset_s * self._velocities) @ self._given
        shared: FloatArray = state.correction @ shifted
        return shared

    def _cost(self, tracks: Tracks, pixels: FloatArray, state: State) -> float:
        error, _ = self._residuals(tracks, pixels, state)
        squared = np.nan_to_num((error**2).sum(1), nan=1e6)
        prior = (self._prior * state.deviations() ** 2).sum()
        return float(_ROBUST_PX**2 * np.log1p(squared / _ROBUST_PX**2).sum() + prior)

    def _residuals(
        self, tracks: Tracks, pixels: FloatArray, state: State
    ) -> tuple[FloatArray, FloatArray]:
        """Projection minus pixel (T, 2), and the points in their cameras (T, 3)."""
        poses = self._poses(state)[tracks.views]
        in_camera = se3.transform(poses, state.points_map[tracks.point_of][:, None])[:, 0]
        projected = np.full((len(in_camera), 2), np.nan)
        for camera, rows in self._by_camera(tracks, state):
            projected[rows] = cameras.project(camera, in_camera[rows])[0]
        return projected - pixels, in_camera

    def _linearize(self, tracks: Tracks, pixels: FloatArray, state: State) -> Linearization:
        error, in_camera = self._residuals(tracks, pixels, state)
        by_camera_point = np.zeros((len(error), 2, 3))
        by_lens = np.zeros((len(error), 2, LENS_SIZE))
        for camera, rows in self._by_camera(tracks, state):
            by_camera_point[rows] = cameras.project_jacobian(camera, in_camera[rows])
            by_lens[rows] = lens_jacobian(camera, in_camera[rows])
        seen = np.isfinite(error).all(1) & np.isfinite(by_camera_point).all((1, 2))
        rotations = self._poses(state)[tracks.views, :3, :3]
        by_pose = np.concatenate([by_camera_point, -by_camera_point @ se3.hat(in_camera)], axis=2)
        squared = np.where(seen, (error**2).sum(1), np.inf)
        num_poses = 6 * len(self._images)
        lens_columns = np.tile(num_poses + np.arange(LENS_SIZE), (len(error), 1))
        pose_columns = 6 * tracks.views[:, None].astype(np.int64) + np.arange(6)
        return Linearization(
            np.nan_to_num(error),
            1.0 / (1.0 + squared / _ROBUST_PX**2),
            np.nan_to_num(by_camera_point @ rotations),
            np.nan_to_num(np.concatenate([by_pose, by_lens], axis=2)),
            np.concatenate([pose_columns, lens_columns], axis=1),
            num_poses + LENS_SIZE,
            tracks.offsets,
        )

    def _step(self, problem: Linearization, state: State, damping: float) -> State:
        """The Levenberg-Marquardt step: points out, shared columns in, solve, apply."""
        reduced = reduce_points(problem, damping)
        poses, shared = slice(0, state.errors.size), self._shared_columns(state)
        across = reduced.matrix @ shared
        matrix = np.block(
            [[reduced.matrix[poses, poses], across[poses]], [across[poses].T, shared.T @ across]]
        )
        gradient = np.concatenate([reduced.gradient[poses], shared.T @ reduced.gradient])
        matrix[np.diag_indices_from(matrix)] *= 1.0 + damping
        matrix[np.diag_indices_from(matrix)] += self._prior
        factor = cho_factor(matrix, overwrite_a=True, check_finite=False)
        step = -cho_solve(factor, gradient + self._prior * state.deviations())
        moved = shared @ step[state.errors.size :]
        moved[poses] += step[poses]
        return self._applied(state, step, point_steps(problem, reduced, moved))

    def _shared_columns(self, state: State) -> FloatArray:
        """What the 10 shared parameters move in the columns of the problem: (6V + 3, 10).

        The correction and the time offset act before a view's own error: its adjoint carries
        them into the view's camera frame.
        """
        count = state.errors.size
        own = se3.exp(state.errors)
        columns = np.zeros((count + LENS_SIZE, 7 + LENS_SIZE))
        columns[:count, :6] = se3.adjoint(own).reshape(-1, 6)
        moved = se3.adjoint(own @ state.correction) @ self._velocities[:, :, None]
        columns[:count, 6] = moved.ravel()
        columns[count:, 7:] = np.eye(LENS_SIZE)
        return columns

    def _applied(self, state: State, step: FloatArray, points: FloatArray) -> State:
        own, shared = step[: state.errors.size].reshape(-1, 6), step[state.errors.size :]
        return State(
            se3.log(se3.exp(own) @ se3.exp(state.errors)),
            se3.exp(shared[:6]) @ state.correction,
            state.time_offset_s + float(shared[6]),
            state.lens + shared[7:],
            state.points_map + points,
        )

    def _by_camera(
        self, tracks: Tracks, state: State
    ) -> list[tuple[Camera, NDArray[np.int64]]]:
        groups = rows_by_camera(tracks, self._images)
        return [(corrected(camera, state.lens), rows) for camera, rows in groups]


def velocities(images: Sequence[PosedImage]) -> FloatArray:
    """Motion (V, 6) per second of each view in its camera's frame: d/dt log of the pose.

    Central differences over the images of the same camera, 0 where they are far apart in time.
    """
    result = np.zeros((len(images), 6))
    order = sorted(range(len(images)), key=lambda row: images[row].stamp_ns)
    for camera in {image.camera for image in images}:
        rows = [row for row in order if images[row].camera == camera]
        for before, row, after in zip(rows, rows[1:], rows[2:], strict=False):
            gap = images[after].stamp_ns - images[before].stamp_ns
            if 0 < gap <= _LONGEST_GAP_NS:
                motion = images[after].camera_from_map @ se3.inverse(images[before].camera_from_map)
                result[row] = se3.log(motion) / (gap * 1e-9)
    return result
