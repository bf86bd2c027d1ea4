"""`semloc config`: the defaults, as commented yaml; the package's own file is made the same way."""

from __future__ import annotations

import typer

from semloc_ros.config import LocalizerNodeConfig
from semloc_ros.options import commented_yaml, markdown_table

_HEAD = """\
# Parameters of the localizer, with their defaults. Generated from semloc_ros/config/ by
# `semloc config > config/localize.yaml` (`make config`); a test compares the two.
/**:
  ros__parameters:
"""


def show(
    table: bool = typer.Option(False, help="A markdown table, for docs/nodes/localizer.md."),
) -> None:
    """Print every parameter of the localizer with default, unit and range, as a ROS yaml file."""
    if table:
        typer.echo(markdown_table(LocalizerNodeConfig))
    else:
        typer.echo(parameter_file(), nl=False)


def parameter_file() -> str:
    """The text of config/localize.yaml."""
    return f"{_HEAD}{commented_yaml(LocalizerNodeConfig, indent='    ')}\n"
