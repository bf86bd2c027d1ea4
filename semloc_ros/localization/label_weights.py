"""Where the weights of particles are computed: compiled code on the CPU, or torch on a GPU."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from semloc_ros.errors import ConfigError, expected
from semloc_ros.localization import label_kernels
from semloc_ros.types import FloatArray


@lru_cache(maxsize=8)
def chosen_device(wanted: str) -> str:
    """"cpu" (compiled code) or "torch:cuda" for auto, cpu or cuda; auto takes the GPU if torch
    finds one. ConfigError for cuda where there is none."""
    if wanted == "cpu":
        return "cpu"
    there = find_spec("torch") is not None and _has_cuda()
    if wanted == "cuda" and not there:
        raise ConfigError(expected("filter.device", "a GPU that torch finds for cuda", "none"))
    return "torch:cuda" if there else "cpu"


def sum_log_ratios(
    device: str, poses: Any, points: Any, rows: Any, labels: Any, table: Any,
    least_cosine2: Any, width: int, height: int,
) -> tuple[FloatArray, Any]:
    """Sums (N,) and counts (N,) as of `label_kernels.sum_log_ratios`, on a device as
    `chosen_device` names it."""
    given = (poses, points, rows, labels, table, least_cosine2, width, height)
    if device == "cpu":
        sums, counts = label_kernels.sum_log_ratios(*given)
        return sums, counts
    from semloc_ros.networks import particle_weights

    whole, seen = particle_weights.sum_log_ratios(
        *given, label_kernels.COUNT, device.removeprefix("torch:")
    )
    return np.asarray(whole / label_kernels.UNITS), seen


def _has_cuda() -> bool:
    import torch

    return bool(torch.cuda.is_available())
