"""What computes networks, and where."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.options import option


@dataclass(frozen=True, slots=True)
class BackendConfig:
    """How a network is run."""

    backend: str = option(
        "auto", "what computes: what the file is for, or one of them",
        choices=("auto", "torch", "onnxruntime", "tensorrt"),
    )
    device: str = option(
        "auto", "where: the GPU if there is one, the CPU, the GPU", choices=("auto", "cpu", "cuda")
    )
    threads: int = option(0, "of the CPU; 0: as many as the backend takes", low=0, high=256)
