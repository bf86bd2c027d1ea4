"""Batches that go through a network in parts: the same step as of a whole one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from torch import nn  # noqa: E402
from torch.utils.data import Dataset  # noqa: E402

from semloc_ros.config.learning import LoopConfig  # noqa: E402
from semloc_ros.errors import ConfigError  # noqa: E402
from semloc_ros.learning.loop import train  # noqa: E402

CONFIG = LoopConfig(
    iterations=3, batch=8, optimizer="sgd", learning_rate=0.1, validate_every=3, threads=1,
    accelerator="cpu",
)  # fmt: skip


class Line(Dataset[Any]):
    """Noisy points of a line."""

    def __len__(self) -> int:
        return 1 << 40

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        rng = np.random.default_rng(number)
        x = torch.tensor(rng.normal(size=3), dtype=torch.float32)
        return x, x.sum(0, keepdim=True) + 0.1 * float(rng.normal())


class Fit:
    """See `loop.Program`."""

    restart = 0
    keep_optimizer = False

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.network = nn.Linear(3, 1)
        self.sizes: list[int] = []

    def start(self, number: int, device: torch.device) -> None:
        self.network.to(device)

    def samples(self) -> Dataset[Any]:
        return Line()

    def losses(self, network: nn.Module, batch: Any) -> dict[str, torch.Tensor]:
        x, y = batch
        self.sizes.append(len(x))
        return {"loss": (network(x) - y).square().mean()}

    def validate(self, device: torch.device) -> dict[str, float]:
        return {"score": 1.0}

    def state(self) -> dict[str, torch.Tensor]:
        return {}

    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        pass


def test_parts_make_the_step_of_the_whole(tmp_path: Path) -> None:
    whole, parts = Fit(), Fit()
    told: list[float] = []

    def tell(done: int, total: int, numbers: dict[str, float]) -> None:
        told.append(numbers["loss"])

    train(whole, CONFIG, tmp_path / "whole", 0, tell)
    in_parts = dataclasses.replace(CONFIG, accumulate=4)
    train(parts, in_parts, tmp_path / "parts", 0, tell)
    assert whole.sizes == [8] * 3 and parts.sizes == [2] * 12
    torch.testing.assert_close(parts.network.weight, whole.network.weight)
    assert not torch.equal(whole.network.weight, Fit().network.weight)
    assert told[1] == pytest.approx(told[0], rel=1e-5)


def test_of_equal_scores_the_last_weights_stay(tmp_path: Path) -> None:
    """A score says the same each time at its worst, and something was learned all the same."""
    often, once = Fit(), Fit()
    config = dataclasses.replace(CONFIG, iterations=6)
    found = train(often, config, tmp_path / "often", 0)
    train(once, dataclasses.replace(config, validate_every=6), tmp_path / "once", 0)
    assert found["best_iteration"] == 6
    assert torch.equal(often.network.weight, once.network.weight)


def test_parts_are_equal(tmp_path: Path) -> None:
    uneven = dataclasses.replace(CONFIG, accumulate=3)
    with pytest.raises(ConfigError, match=r"training.batch: expected 3 equal parts .*, got 8"):
        train(Fit(), uneven, tmp_path, 0)
