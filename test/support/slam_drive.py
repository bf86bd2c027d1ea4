"""A drive along a bent way, and what a SLAM of another frame and unit says of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from semloc_ros.config.slam import SlamAlignmentConfig
from semloc_ros.geometry import se3
from semloc_ros.geometry.similarity import Similarity
from semloc_ros.geometry.uncertainty import perturb
from semloc_ros.localization.slam_alignment import Alignment, NotAligned, SlamAligner
from semloc_ros.types import FloatArray

STEP_NS = 100_000_000  # 10 Hz


def curve(count: int, speed: float = 1.0, bend: float = 0.1) -> FloatArray:
    """`map_from_body` (count, 4, 4) at 10 Hz: `speed` m/s, turning by `bend` rad/s."""
    step = se3.exp(np.array([speed, 0, 0.02, 0, 0, bend]) / 10)
    poses = [np.eye(4)]
    for _ in range(count - 1):
        poses.append(poses[-1] @ step)
    return np.array(poses)


def slam_from_map(scale: float = 0.2, seed: int = 3) -> Similarity:
    """A frame that has nothing to do with the map's."""
    generator = np.random.default_rng(seed)
    return Similarity(np.asarray(scale), se3.exp(generator.normal(size=6) * [3, 3, 3, 1, 1, 1]))


@dataclass
class Drive:
    """Feeds an aligner; `sigma_m` and `sigma_rad` of the fixes, `wrong` the share of them that lie
    anywhere, `every` how many poses there are for a fix."""

    config: SlamAlignmentConfig = field(default_factory=SlamAlignmentConfig)
    sigma_m: float = 0.0
    sigma_rad: float = 0.0
    wrong: float = 0.0
    every: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        self.aligner = SlamAligner(self.config)
        self.generator = np.random.default_rng(self.seed)
        self.row = 0
        self.steps: list[str] = []

    def go(self, truth: FloatArray, slam: FloatArray) -> Alignment | NotAligned:
        """Poses of the map and the SLAM, row by row, 0.1 s from each other; the last alignment."""
        for map_from_body, slam_from_body in zip(truth, slam, strict=True):
            stamp = self.row * STEP_NS
            self.steps.append(self.aligner.add_pose(stamp, slam_from_body).value)
            if self.row % self.every == 0:
                self._fix(stamp, map_from_body)
            self.row += 1
        return self.aligner.alignment

    def _fix(self, stamp: int, map_from_body: FloatArray) -> None:
        sigmas = np.repeat([self.sigma_m, self.sigma_rad], 3)
        fix = perturb(map_from_body, self.generator.normal(size=6) * sigmas)
        if self.generator.random() < self.wrong:
            fix = perturb(fix, self.generator.normal(size=6) * [10, 10, 10, 1, 1, 1])
        covariance = np.diag(np.maximum(sigmas, 1e-3) ** 2)
        self.aligner.add_fix(stamp, fix, covariance)
