"""Made-up errors of pose networks with and without masks."""

from __future__ import annotations

import numpy as np

from semloc_ros.config.pose_study import PoseStudyConfig
from semloc_ros.evaluation.pose_errors import Study, Trial

SMALL = PoseStudyConfig(resamples=150)


def study_of(
    factor: float = 1.0, seeds: int = 3, count: int = 120, same: bool = False,
    guess: float | None = None,
) -> Study:  # fmt: skip
    """Errors that grow with the masked share; those of networks trained with masks by `factor`, and
    those of one guess by `guess`."""
    rng = np.random.default_rng(5)
    share = np.clip(rng.exponential(0.08, count), 0, 0.6)
    base = rng.lognormal(0, 0.5, count) * (1 + 20 * share)
    trials = []
    for trained in (False, True):
        for seed in range(seeds):
            for tested in (False, True):
                noise = 1.0 if same else rng.lognormal(0, 0.1, count)
                errors = base * noise * (factor if trained else 1.0)
                name = f"{'masked' if trained else 'plain'}_{seed}"
                trials.append(Trial(name, trained, tested, errors, 3 * errors))
    names = tuple(f"seq{1 + row // 60}/{row:03}.png" for row in range(count))
    told = None if guess is None else {"position": guess * base, "rotation": 2.0 * base}
    return Study(names, share, tuple(trials), told)
