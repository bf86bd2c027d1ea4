"""`semloc config`: the defaults, as commented yaml; the package's own file is made the same way."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from semloc_ros.config import (
    DynamicSegmenterNodeConfig,
    FaultInjectorConfig,
    FgsnSegmenterNodeConfig,
    LocalizerNodeConfig,
    OoiMatcherNodeConfig,
    PlaceRetrieverNodeConfig,
    PoseRegressorNodeConfig,
    RecorderNodeConfig,
    SlamBridgeNodeConfig,
)
from semloc_ros.config.dynamic_learning import DYNAMIC_PRESETS, DynamicTrainingConfig
from semloc_ros.config.learning import (
    FGSN_PRESETS,
    SEGMENTATION_PRESETS,
    FgsnTrainingConfig,
    SegmentationTrainingConfig,
)
from semloc_ros.config.object_learning import OBJECT_PRESETS, ObjectTrainingConfig
from semloc_ros.config.places_learning import PLACES_PRESETS, PlacesTrainingConfig
from semloc_ros.config.pose_learning import POSE_PRESETS, PoseTrainingConfig
from semloc_ros.errors import InputError, expected
from semloc_ros.options import commented_yaml, from_mapping, markdown_table

# by page of docs/nodes, then by the name that stands in its markers
TABLES: dict[str, dict[str, type]] = {
    "localizer.md": {"parameters": LocalizerNodeConfig, "recorder parameters": RecorderNodeConfig},
    "dynamic_segmenter.md": {"parameters": DynamicSegmenterNodeConfig},
    "fgsn_segmenter.md": {"parameters": FgsnSegmenterNodeConfig},
    "ooi_matcher.md": {"parameters": OoiMatcherNodeConfig},
    "place_retriever.md": {"parameters": PlaceRetrieverNodeConfig},
    "pose_regressor.md": {"parameters": PoseRegressorNodeConfig},
    "slam_bridge.md": {"parameters": SlamBridgeNodeConfig},
    "fault_injector.md": {"parameters": FaultInjectorConfig},
}

# by the first part of the name of a file in config/training: the options, and presets of them
TRAINING: dict[str, tuple[type[Any], Mapping[str, Mapping[str, Any]]]] = {
    "dynamic": (DynamicTrainingConfig, DYNAMIC_PRESETS),
    "fgsn": (FgsnTrainingConfig, FGSN_PRESETS),
    "objects": (ObjectTrainingConfig, OBJECT_PRESETS),
    "places": (PlacesTrainingConfig, PLACES_PRESETS),
    "pose": (PoseTrainingConfig, POSE_PRESETS),
    "segmentation": (SegmentationTrainingConfig, SEGMENTATION_PRESETS),
}

_HEAD = """\
# Parameters of the localizer, with their defaults. Generated from semloc_ros/config/ by
# `semloc config > config/localize.yaml` (`make config`); a test compares the two.
/**:
  ros__parameters:
"""


def show(
    table: bool = typer.Option(False, help="A markdown table, for docs/nodes/localizer.md."),
    write: Path | None = typer.Option(
        None, help="Write the file and the tables of a source tree instead of printing."
    ),
) -> None:
    """Print every parameter of the localizer with default, unit and range, as a ROS yaml file."""
    if write is not None:
        write_generated(write)
    elif table:
        typer.echo(markdown_table(LocalizerNodeConfig))
    else:
        typer.echo(parameter_file(), nl=False)


def write_generated(root: Path) -> None:
    """Bring config/ and the tables of docs/nodes up to date."""
    folder = root / "docs" / "nodes"
    try:
        pages = {folder / page: _with_tables(folder / page, TABLES[page]) for page in TABLES}
        for path, text in pages.items():
            path.write_text(text)
        (root / "config" / "localize.yaml").write_text(parameter_file())
        training = root / "config" / "training"
        training.mkdir(exist_ok=True)
        for name, content in training_files().items():
            (training / name).write_text(content)
    except OSError as error:
        raise InputError(expected("--write", "the folder of semloc_ros's source", error)) from None


def replace_table(page: str, name: str, table: str, path: str) -> str:
    """The page with the table between its two markers replaced; InputError without them."""
    first, last = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    before, found, rest = page.partition(first)
    _, end, after = rest.partition(last)
    if not (found and end):
        raise InputError(expected(path, f"{first.strip()} and its end", "none"))
    return before + first + table + last + after


def _with_tables(path: Path, tables: Mapping[str, type]) -> str:
    text = path.read_text()
    for name, kind in tables.items():
        text = replace_table(text, name, markdown_table(kind), f"docs/nodes/{path.name}")
    return text


def parameter_file() -> str:
    """The text of config/localize.yaml."""
    return f"{_HEAD}{commented_yaml(LocalizerNodeConfig, indent='    ')}\n"


def training_files() -> dict[str, str]:
    """The texts of the files in config/training by name: what `semloc train --config` takes."""
    files = {}
    for program, (kind, presets) in TRAINING.items():
        for preset, changes in presets.items():
            head = (
                f"# Options of `semloc train {program}`, preset {preset}. Generated from\n"
                "# semloc_ros/config/ (`make config`); a test compares the two.\n"
            )
            body = commented_yaml(kind, values=from_mapping(kind, changes))
            files[f"{program}_{preset}.yaml"] = f"{head}{body}\n"
    return files
