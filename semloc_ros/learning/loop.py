"""The loop that all training programs share, on Lightning Fabric: one device or many (`torchrun`).

Every sample and every draw is made from the seed and the number of its iteration, and the state
is saved at every validation: a run that was stopped goes on where it was, on a processor to the
same weights. Beside it grows a log, one JSON object per line. Of many processes the first writes.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

from semloc_ros.config.learning import LoopConfig
from semloc_ros.errors import ConfigError, expected

if TYPE_CHECKING:
    from lightning_fabric import Fabric

STATE_FILE, LOG_FILE = "state.pt", "log.jsonl"
_STEPS = (0.6, 0.84)  # 300k and 420k of 500k: Weinzaepfel et al., CVPR 2019, section 3.2
Tell = Callable[[int, int, dict[str, float]], None]


class Program(Protocol):
    """What a training program brings to the loop.

    `restart` is after how many iterations it wants to be started anew, 0 for never; the optimizer
    begins anew too, unless it is to keep its state (`keep_optimizer`).
    """

    restart: int
    keep_optimizer: bool

    @property
    def network(self) -> nn.Module:
        """What is trained."""

    def start(self, number: int, device: torch.device) -> None:
        """Before the first iteration and at each restart; may change the network's last layers."""

    def samples(self) -> Dataset[Any]:
        """What is trained on since the last start: sample n is the n-th that is drawn."""

    def losses(self, network: nn.Module, batch: Any) -> dict[str, torch.Tensor]:
        """Of one batch of samples; what is minimized is called "loss"."""

    def validate(self, device: torch.device) -> dict[str, float]:
        """Numbers of the validation set; the smaller "score", the better."""

    def state(self) -> dict[str, torch.Tensor]:
        """What the last start has made, besides the network."""

    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        """Instead of a start."""


@dataclass(slots=True)
class _Run:
    """Where a training stands."""

    iteration: int = 0
    best_score: float = math.inf
    best_iteration: int = 0
    best: dict[str, torch.Tensor] | None = None
    best_program: dict[str, torch.Tensor] | None = None  # its state then, where it is restarted
    optimizer: dict[str, Any] | None = None  # to go on with
    frozen: tuple[nn.Module, ...] = ()  # whose statistics stay


def train(
    program: Program, config: LoopConfig, out: Path, seed: int, tell: Tell | None = None,
    same: Mapping[str, Any] | None = None,
) -> dict[str, float]:  # fmt: skip
    """Train, and leave in `program` the weights of the best validation, the last of equal ones, and
    the labels they know.

    Returns the best score, its iteration and the seconds of the loop. `tell` hears the iteration,
    their number, and what goes to the log. A training goes on only if `same`, names and values,
    is what it began with. Raises ConfigError if the devices are not there, if `out` holds
    another training or cannot be written, or if the loss is not finite.
    """
    fabric = _fabric(config)
    began = time.monotonic()
    if fabric.is_global_zero:
        _make(out)
    frozen = learned_batchnorms(program.network) if config.freeze_batchnorm else ()
    run = _resumed(program, out, same or {})
    run.frozen = frozen
    if run.iteration:  # as the network is from the first step on: sums depend on it
        program.network.to(memory_format=torch.channels_last)
    while run.iteration < config.iterations:
        every = program.restart or config.iterations
        if run.iteration % every == 0:  # also if it was stopped right there
            if not program.keep_optimizer:
                run.optimizer = None
            _start(program, run.iteration // every, fabric)
        last = min((run.iteration // every + 1) * every, config.iterations)
        for numbers in _stage(program, config, fabric, run, last, seed):
            if fabric.is_global_zero:
                _write(program, run, numbers, out, same or {})
                if tell is not None:
                    tell(run.iteration, config.iterations, numbers)
    if run.best_program is not None:
        program.load_state(run.best_program)
    if run.best is not None:
        program.network.load_state_dict(run.best)
    found = {"best_score": run.best_score, "best_iteration": float(run.best_iteration)}
    return {**found, "seconds": time.monotonic() - began}


def is_first() -> bool:
    """Whether this is the process that writes: the only one, or the first of many."""
    distributed = torch.distributed
    return not (distributed.is_available() and distributed.is_initialized()) or (
        distributed.get_rank() == 0
    )


def learning_rate(config: LoopConfig, iteration: int) -> float:
    """The rate of an iteration (counted from 0)."""
    if config.schedule == "constant":
        return config.learning_rate
    along = iteration / config.iterations
    if config.schedule == "steps":
        return float(config.learning_rate * 0.1 ** sum(along >= step for step in _STEPS))
    return config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * along))


def _start(program: Program, number: int, fabric: Fabric) -> None:
    """What the first process made counts for all: another device might round to other labels.
    Weights are shared out when the network is set up."""
    program.start(number, fabric.device)
    if fabric.world_size > 1:
        state = fabric.broadcast(program.state())
        if not fabric.is_global_zero:
            program.load_state(state)


def _stage(
    program: Program, config: LoopConfig, fabric: Fabric, run: _Run, last: int, seed: int
) -> Iterator[dict[str, float]]:
    """Iterations up to `last` with one optimizer; the numbers of each validation."""
    program.network.to(memory_format=torch.channels_last)  # a quarter faster, also on a CPU
    network, optimizer = fabric.setup(program.network, _optimizer(program.network, config))
    if run.optimizer is not None:
        optimizer.load_state_dict(run.optimizer)
    sums: dict[str, float] = {}
    began = run.iteration
    for parts in _batches(program, config, fabric, run.iteration, last):
        torch.manual_seed((seed * 1_000_003 + run.iteration) * 1024 + fabric.global_rank)
        set_training(program.network, run.frozen)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config, run.iteration)
        optimizer.zero_grad()
        losses = _gradients(program, network, fabric, parts, config.accumulate, run.iteration)
        optimizer.step()
        run.iteration += 1
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + value
        if run.iteration % config.validate_every == 0 or run.iteration == last:
            means = {name: value / (run.iteration - began) for name, value in sums.items()}
            run.optimizer = optimizer.state_dict()
            yield {**means, **_validated(program, fabric, run)}
            sums, began = {}, run.iteration


def _gradients(
    program: Program, network: nn.Module, fabric: Fabric, parts: Iterable[Any], count: int,
    iteration: int,
) -> dict[str, float]:  # fmt: skip
    """Adds up those of a batch's `count` parts, one after the other; the means of its losses."""
    means: dict[str, float] = {}
    for number, batch in enumerate(parts, 1):
        unsynced = fabric.no_backward_sync(network, enabled=number < count)  # type: ignore[arg-type]
        with unsynced:
            losses = program.losses(network, batch)
            _check_finite(f"loss of iteration {iteration + 1}", float(losses["loss"].detach()))
            fabric.backward(losses["loss"] / count)
        for name, value in losses.items():
            means[name] = means.get(name, 0.0) + float(value.detach()) / count
    return means


def _check_finite(name: str, value: float) -> None:
    """Nothing is learned any more after NaN: the last state that was saved is the better one."""
    if not math.isfinite(value):
        wanted = "a finite number (a lower training.learning_rate and another --out may help)"
        raise ConfigError(expected(name, wanted, value))


def _validated(program: Program, fabric: Fabric, run: _Run) -> dict[str, float]:
    program.network.eval()
    with torch.no_grad():
        found = program.validate(fabric.device)
    _check_finite(f"validation after iteration {run.iteration}", found["score"])
    if found["score"] <= run.best_score:  # of equal ones the later: it has learned more
        run.best_score, run.best_iteration = found["score"], run.iteration
        weights = program.network.state_dict()
        run.best = {name: value.detach().cpu().clone() for name, value in weights.items()}
        run.best_program = program.state() if program.restart else None
    return {f"validation_{name}": value for name, value in found.items()}


def learned_batchnorms(network: nn.Module) -> tuple[nn.Module, ...]:
    """The batch normalizations that have seen images: fresh ones, as of a head that ImageNet
    weights lack, have means of zero to the last bit, and must learn."""
    return tuple(
        module for module in network.modules()
        if isinstance(module, nn.BatchNorm2d)
        and module.running_mean is not None and bool(module.running_mean.any())
    )  # fmt: skip


def set_training(network: nn.Module, frozen: Iterable[nn.Module]) -> None:
    """Training mode, but for the statistics of `frozen`."""
    network.train()
    for module in frozen:
        module.eval()


def _batches(
    program: Program, config: LoopConfig, fabric: Fabric, first: int, last: int
) -> Iterator[Iterable[Any]]:
    """The batches of the iterations `first` to `last`, each device's share of them, in parts; a
    batch must be gone through before the next is asked for."""
    each = config.batch // fabric.world_size
    start = fabric.global_rank * each
    drawn = [
        one
        for iteration in range(first, last)
        for one in range(iteration * config.batch + start, iteration * config.batch + start + each)
    ]
    loader = DataLoader(
        Subset(program.samples(), drawn), batch_size=each // config.accumulate,
        num_workers=config.workers,
        generator=torch.Generator(),  # of its own: it draws one number, whenever it begins
    )  # fmt: skip
    parts = iter(fabric.setup_dataloaders(loader, use_distributed_sampler=False))
    for _ in range(first, last):
        yield islice(parts, config.accumulate)


def _optimizer(network: nn.Module, config: LoopConfig) -> torch.optim.Optimizer:
    rate, decay = config.learning_rate, config.weight_decay
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            network.parameters(), rate, momentum=config.momentum, weight_decay=decay
        )
    betas = (config.momentum, 0.999)
    return torch.optim.AdamW(network.parameters(), rate, betas, weight_decay=decay)


def _fabric(config: LoopConfig) -> Fabric:
    from lightning_fabric import Fabric

    if config.threads:
        torch.set_num_threads(config.threads)
    if config.accelerator == "cuda" and not torch.cuda.is_available():
        raise ConfigError(expected("training.accelerator", "cpu or auto here", "cuda"))
    if config.batch % config.devices:
        wanted = f"a multiple of the {config.devices} devices"
        raise ConfigError(expected("training.batch", wanted, config.batch))
    if config.batch // config.devices % config.accumulate:
        wanted = f"{config.accumulate} equal parts on each device (training.accumulate)"
        raise ConfigError(expected("training.batch", wanted, config.batch))
    world, here = (int(os.environ.get(name, 1)) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    if world != config.devices:
        wanted = f"{world}, as many processes as there are (torchrun starts more)"
        raise ConfigError(expected("training.devices", wanted, config.devices))
    try:
        fabric = Fabric(
            accelerator=config.accelerator, devices=here, num_nodes=world // here,
            precision=config.precision,  # type: ignore[arg-type]
        )  # fmt: skip
        fabric.launch()
    except (RuntimeError, ValueError) as error:  # devices or numbers that this machine lacks
        reason = " ".join(str(error).split())[:200]
        wanted = "a machine with what training.accelerator, .devices and .precision name"
        raise ConfigError(expected("training", wanted, reason)) from None
    return fabric


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / LOG_FILE).touch()
    except OSError as error:
        raise _unwritable(out, error) from None


def _write(
    program: Program, run: _Run, numbers: dict[str, float], out: Path, same: Mapping[str, Any]
) -> None:
    try:
        _save(program, run, out, same)
        _log(run, numbers, out)
    except (OSError, RuntimeError) as error:  # torch's writer raises the latter on a full disk
        raise _unwritable(out, error) from None


def _unwritable(out: Path, error: Exception) -> ConfigError:
    reason = " ".join(str(error).split())[:200]
    return ConfigError(expected(str(out), "a folder that can be written", reason))


def _save(program: Program, run: _Run, out: Path, same: Mapping[str, Any]) -> None:
    content = {
        "iteration": run.iteration, "best_score": run.best_score,
        "best_iteration": run.best_iteration, "best": run.best, "optimizer": run.optimizer,
        "best_program": run.best_program,
        "network": program.network.state_dict(), "program": program.state(), "same": dict(same),
    }  # fmt: skip
    part = out / f"{STATE_FILE}.part"
    torch.save(content, part)
    part.replace(out / STATE_FILE)


def _resumed(program: Program, out: Path, same: Mapping[str, Any]) -> _Run:
    path = out / STATE_FILE
    if not path.is_file():
        return _Run()
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        _check_same(content.get("same", {}), same)
        program.load_state(content["program"])
        program.network.load_state_dict(content["network"])
        return _Run(
            content["iteration"], content["best_score"], content["best_iteration"],
            content["best"], content.get("best_program"), content["optimizer"],
        )  # fmt: skip
    except Exception as error:  # torch.load raises whatever its parts do
        reason = " ".join(str(error).split())[:200]
        wanted = "the state of a training with these options, or another --out"
        raise ConfigError(expected(str(path), wanted, reason)) from None


def _check_same(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    for name in sorted(set(before) & set(now)):
        if before[name] != now[name]:
            raise ConfigError(f"{name} {before[name]}, now {now[name]}")


def _log(run: _Run, numbers: dict[str, float], out: Path) -> None:
    with (out / LOG_FILE).open("a") as stream:
        rounded = {name: round(value, 5) for name, value in numbers.items()}
        stream.write(json.dumps({"iteration": run.iteration, **rounded}) + "\n")
