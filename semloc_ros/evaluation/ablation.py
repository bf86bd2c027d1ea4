"""The same recordings through variants of the localizer, side by side: what does each part buy?

    predictions/ablation.json                  the variants in their order, and what each changes
    predictions/VARIANT/CONDITION/             a folder of predictions each, see `predictions`

Every variant gets the same bags, faults and seed, and is held against the first one frame by
frame, by the test of `comparison`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semloc_ros.config import EvaluateConfig, EvaluationConfig
from semloc_ros.config.localization import METHODS
from semloc_ros.errors import ConfigError, DatasetError, expected
from semloc_ros.evaluation.comparison import Change, as_metrics
from semloc_ros.evaluation.conditions import Condition, load_conditions
from semloc_ros.evaluation.metrics import Metrics
from semloc_ros.evaluation.predictions import ABLATION
from semloc_ros.evaluation.verdict import verdict
from semloc_ros.options import flatten, from_mapping

PARTS: Mapping[str, Mapping[str, Any]] = {
    "as_is": {},
    **{method: {"method": method} for method in METHODS},
    "no_masks": {"gets.mask": False},
    "no_labels": {"gets.labels": False},
    "no_places": {"gets.places": False},
    "no_objects": {"gets.objects": False},
    "no_odometry": {"odometry": "none"},
    "no_gravity": {"gravity": "none"},
}
Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Variant:
    """What one variant came to: `settings` are the parameters that it changes, `metrics` those
    of `verdict`, `changes` those from the first variant to it (of the first: none)."""

    name: str
    settings: Settings
    conditions: list[Condition]
    metrics: Metrics
    changes: list[Change]


def configured(
    variants: Mapping[str, Settings], options: EvaluateConfig
) -> dict[str, EvaluateConfig]:
    """The parameters of each variant. ConfigError for wrong ones, for those that only change how
    answers are judged, and for two variants that do not differ."""
    found: dict[str, EvaluateConfig] = {}
    for name, settings in variants.items():
        for key in settings:
            if key.partition(".")[0] == "evaluation":
                raise ConfigError(expected("--ablate", "parameters of the localizer", key))
        one = from_mapping(EvaluateConfig, flatten(options) | dict(settings))
        same = next((other for other, theirs in found.items() if theirs == one), None)
        if same is not None:
            raise ConfigError(expected("--ablate", f"something else than {same}", name))
        found[name] = one
    return found


def write_variants(folder: Path, variants: Mapping[str, Settings]) -> None:
    """Say which variants the folder of predictions has."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ABLATION).write_text(json.dumps(variants, indent=2) + "\n")


def read_variants(folder: Path) -> dict[str, Settings]:
    """What `write_variants` wrote to the folder, or to predictions/ in it; empty where the
    predictions are of one run. DatasetError for a broken file."""
    paths = [folder / ABLATION, folder / "predictions" / ABLATION]
    path = next((one for one in paths if one.exists()), None)
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text())
        if not all(isinstance(settings, dict) for settings in found.values()):
            raise ValueError("settings are no objects")
    except (OSError, ValueError, AttributeError) as error:
        raise DatasetError(expected(str(path), "variants by name", error)) from None
    return {name: dict(settings) for name, settings in found.items()}


def judge_variants(
    folder: Path, variants: Mapping[str, Settings], config: EvaluationConfig
) -> list[Variant]:
    """All variants in the folder, judged, each beside the first."""
    if (folder / "predictions" / ABLATION).exists():
        folder = folder / "predictions"
    found: list[Variant] = []
    for name, settings in variants.items():
        conditions = load_conditions(folder / name, config)
        before = found[0].metrics["per_frame"] if found else None
        metrics, changes = verdict(conditions, config, before)
        found.append(Variant(name, settings, conditions, metrics, changes))
    return found


def ablation_metrics(variants: Sequence[Variant]) -> Metrics:
    """metrics.json: by variant its settings, `all`, `conditions`, and the changes since the
    first."""
    return {
        "against": variants[0].name,
        "variants": {
            one.name: {
                "settings": dict(one.settings),
                "all": one.metrics["all"],
                "conditions": one.metrics["conditions"],
                "changes": as_metrics(one.changes),
            }
            for one in variants
        },
    }


def rows_of(variants: Sequence[Variant]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """By variant the numbers of each condition, and of all together where there are several."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for one in variants:
        rows = dict(one.metrics["conditions"])
        if len(rows) > 1:
            rows["all"] = one.metrics["all"]
        found[one.name] = rows
    return found
