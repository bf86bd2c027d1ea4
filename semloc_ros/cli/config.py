"""`semloc config`: the defaults, as a commented yaml file."""

from __future__ import annotations

import typer

from semloc_ros.config import LocalizerConfig
from semloc_ros.options import commented_yaml


def show() -> None:
    """Print every option with its default, unit and range, as yaml."""
    typer.echo(commented_yaml(LocalizerConfig))
