"""From the parameters of a Node action to what the node is given on its command line."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from launch import LaunchContext, Substitution
from launch.utilities import perform

from launch_ros.parameter_descriptions import ParameterFile, ParameterValue

SCALARS = (bool, int, float, str)


def evaluate(
    context: LaunchContext, parameters: list[Any]
) -> Iterator[Path | dict[str, Any]]:
    """Each item as the path of a file or as a flat dictionary of plain values."""
    for item in parameters:
        if isinstance(item, Mapping):
            yield dict(_flat(context, item, ""))
        elif isinstance(item, ParameterFile):
            yield item.evaluate(context)
        else:
            yield ParameterFile(item).evaluate(context)


def write_file(parameters: dict[str, Any], node_name: str | None) -> Path:
    """A parameter file for one node, or for any where its full name is not known."""
    content = {node_name or "/**": {"ros__parameters": parameters}}
    with tempfile.NamedTemporaryFile(
        "w", prefix="launch_params_", suffix=".yaml", dir=_folder(), delete=False
    ) as file:
        yaml.safe_dump(content, file, default_flow_style=False)
    return Path(file.name)


def _flat(
    context: LaunchContext, parameters: Mapping[Any, Any], prefix: str
) -> Iterator[tuple[str, Any]]:
    for key, value in parameters.items():
        name = prefix + perform(context, key)
        if isinstance(value, Mapping):
            yield from _flat(context, value, name + ".")
        else:
            yield name, _value(context, name, value)


def _value(context: LaunchContext, name: str, value: Any) -> Any:
    """A plain value: texts stay as they are, the text of a substitution is read as yaml."""
    if isinstance(value, ParameterValue):
        return value.evaluate(context)
    if isinstance(value, SCALARS):
        return value
    if isinstance(value, Substitution):
        return _from_yaml(name, perform(context, value))
    if not isinstance(value, list | tuple):
        raise TypeError(f"Unexpected type for parameter value {value!r}")
    if any(isinstance(item, Substitution) for item in value):
        return _from_yaml(name, perform(context, value))
    values = [item if isinstance(item, SCALARS) else perform(context, item) for item in value]
    return _uniform(name, values)


def _from_yaml(name: str, text: str) -> Any:
    value = yaml.safe_load(text or "''")
    if isinstance(value, list):
        return _uniform(name, value)
    if not isinstance(value, SCALARS):
        raise TypeError(
            f"Allowed value types are bool, int, float, str and sequences of them. Got {value!r} "
            f'for "{name}". If the parameter is meant to be a string, try wrapping it in '
            "launch_ros.parameter_descriptions.ParameterValue(value, value_type=str)"
        )
    return value


def _uniform(name: str, values: list[Any]) -> list[Any]:
    kinds = {type(value) for value in values}
    if kinds == {int, float}:
        return [float(value) for value in values]
    if len(kinds) != 1:
        raise TypeError(
            "Expected a non-empty sequence, with items of uniform type. Allowed sequence item "
            f'types are bool, int, float, str. Got inconsistent input for "{name}"'
        )
    return values


def _folder() -> str:
    """A temporary folder that goes when the launch has ended."""
    global _made
    if _made is None:
        _made = tempfile.mkdtemp(prefix="launch_params_")
        atexit.register(shutil.rmtree, _made, ignore_errors=True)
    return _made


_made: str | None = None
