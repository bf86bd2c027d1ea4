"""`--set NAME=VALUE` of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from semloc_ros.errors import ConfigError, expected


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """Dotted names and yaml values, nothing being the empty string: a shell takes the quotes off
    NAME=''. ConfigError for what is no assignment."""
    import yaml

    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise ConfigError(expected("--set", "NAME=VALUE", assignment))
        values[name] = yaml.safe_load(value) if value else ""
    return values
