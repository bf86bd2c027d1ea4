"""A parameter's value with its type, and a file of parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from launch import LaunchContext, SomeSubstitutionsType
from launch.utilities import perform

__all__ = ["ParameterFile", "ParameterValue"]


class ParameterValue:
    """A value that becomes `value_type`, where a text would be read as yaml otherwise."""

    def __init__(self, value: Any, *, value_type: Any = None) -> None:
        self.value = value
        self.value_type = value_type

    def evaluate(self, context: LaunchContext) -> Any:
        """The value; raises ValueError where it is not of its type."""
        if not _is_text(self.value):
            return self.value
        text = perform(context, self.value)
        if self.value_type is str:
            return text
        value = yaml.safe_load(text)
        if self.value_type is float and type(value) is int:
            return float(value)
        if self.value_type is not None and type(value) is not self.value_type:
            raise ValueError(f"Cannot convert value '{text}' to type '{self.value_type}'")
        return value


class ParameterFile:
    """A yaml file of parameters."""

    def __init__(self, param_file: SomeSubstitutionsType | Path) -> None:
        self.param_file = param_file

    def evaluate(self, context: LaunchContext) -> Path:
        """The path."""
        if isinstance(self.param_file, Path):
            return self.param_file
        return Path(perform(context, self.param_file))


def _is_text(value: Any) -> bool:
    from launch import Substitution

    if isinstance(value, list | tuple):
        return any(isinstance(item, Substitution) for item in value)
    return isinstance(value, str | Substitution)
