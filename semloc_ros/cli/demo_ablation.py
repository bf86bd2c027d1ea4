"""The demo's drive once more without each part, from what the nodes sent: what each of them buys.

Two processes localize half of the variants each, without ROS, as `semloc evaluate --with` does.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from semloc_ros.cli import demo_nodes
from semloc_ros.cli.ablation import show_variants
from semloc_ros.cli.demo_nodes import LABELS, MASKS, OBJECTS, PLACES, Beside
from semloc_ros.cli.processes import running, wait_for
from semloc_ros.config import DemoConfig, EvaluateConfig

if TYPE_CHECKING:
    from semloc_ros.evaluation.ablation import Settings, Variant

CONDITION = "drive"
_OPTIONS = {MASKS: "masks", LABELS: "labels", PLACES: "places", OBJECTS: "objects"}
# too few features for any pose; of equally strong ones some more than asked for are kept
_FEW = {"features.max_features": 16, "pnp.min_inliers": 32}
_PROCESSES = 2


def ablate(config: DemoConfig, out: Path) -> list[Variant]:
    """All variants of the drive in `out`, localized, judged and shown; none if not asked for.

    Raises EnvironmentFault, with the end of its log, when a process fails.
    """
    from semloc_ros.evaluation.ablation import judge_variants, write_variants

    folder = out / "ablation"
    shutil.rmtree(folder, ignore_errors=True)
    variants = variants_of(demo_nodes.started(config.nodes)) if config.ablation else {}
    if len(variants) < 2 * _PROCESSES:
        return []
    _predict(config, out, folder, variants)
    write_variants(folder / "predictions", variants)
    judged = judge_variants(folder / "predictions", variants, config.evaluation)
    show_variants(judged, EvaluateConfig(), folder, False, Console(highlight=False))
    return judged


def variants_of(beside: Sequence[Beside]) -> dict[str, Settings]:
    """By name what each variant changes: all, each part left out, and parts by themselves."""
    from semloc_ros.evaluation.ablation import PARTS

    def without(*nodes: Beside) -> dict[str, Any]:
        return {
            name: value
            for one in nodes if one in beside
            for name, value in PARTS[f"no_{_OPTIONS[one]}"].items()
        }  # fmt: skip

    found: dict[str, Settings] = {"all": PARTS["auto"]}
    found |= {f"no_{_OPTIONS[one]}": without(one) for one in beside}
    if beside:
        found["features_alone"] = {"method": "pnp", **without(*beside)}
    if OBJECTS in beside:
        found["objects_alone"] = {"method": "pnp", **_FEW, **without(LABELS, PLACES)}
    if LABELS in beside:
        found["labels_alone"] = {"method": "pfsl", **without(OBJECTS, PLACES)}
    found["no_odometry"] = dict(PARTS["no_odometry"])
    return found


def _predict(
    config: DemoConfig, out: Path, folder: Path, variants: Mapping[str, Settings]
) -> None:
    """Every second variant by a process of its own, then all beside each other."""
    (out / "logs").mkdir(parents=True, exist_ok=True)
    environ = demo_nodes.private_graph(config, out / "logs")
    environ |= dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    names = list(variants)
    with ExitStack() as stack:
        children = []
        for part in range(_PROCESSES):
            mine = {name: variants[name] for name in names[part::_PROCESSES]}
            command = _command(config, out, folder / f"part{part}", mine)
            log = out / "logs" / f"ablation{part}.log"
            name = f"ablation {part + 1} of {_PROCESSES}"
            children.append(stack.enter_context(running(name, command, environ, log)))
        for child in children:
            wait_for(child, [])
    (folder / "predictions").mkdir(parents=True)
    for part in range(_PROCESSES):
        for name in names[part::_PROCESSES]:
            made = folder / f"part{part}" / "predictions" / name
            made.rename(folder / "predictions" / name)
        shutil.rmtree(folder / f"part{part}")


def _command(
    config: DemoConfig, out: Path, folder: Path, variants: Mapping[str, Settings]
) -> list[str]:
    """`semloc evaluate` of some variants."""
    from semloc_ros.evaluation.predictions import COMPANIONS

    companions = out / "predictions" / COMPANIONS
    words = [
        sys.executable, "-m", "semloc_ros.cli.main", "evaluate", "--no-report",
        "--bag", f"{CONDITION}={out / 'world' / 'query'}", "--truth", demo_nodes.TRUTH,
        "--map", str(out / "map"), "--with", str(companions), "--out", str(folder),
        "--set", f"features.max_features={config.max_features}", "--set", "thumbnail_width=0",
    ]  # fmt: skip
    for one in demo_nodes.started(config.nodes):
        words += [f"--{_OPTIONS[one]}", one.topic]
    for name, settings in variants.items():
        changed = ",".join(f"{key}={value}" for key, value in settings.items())
        words += ["--ablate", f"{name}={changed}"]
    return words
