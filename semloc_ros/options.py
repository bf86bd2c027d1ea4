"""How an option is declared once and read from everywhere.

A section is a frozen dataclass whose fields carry their unit, range and one line of help.
ROS parameters, yaml files and command-line options are all made from these fields
(`describe`, `commented_yaml`, `from_mapping`); unknown keys are errors that name the nearest.
The sections themselves, and so every default, stand in `config/`.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from semloc_ros.errors import ConfigError, expected

Section = TypeVar("Section")

_INTEGER_BITS = 64  # of a ROS parameter


def option(
    default: Any,
    help: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    live: bool = False,
) -> Any:
    """A dataclass field with its help line, unit and inclusive range.

    `live` says that a running node takes a change at once; others need a new configure.
    """
    about = {"help": help, "unit": unit, "low": low, "high": high, "choices": choices}
    return dataclasses.field(default=default, metadata={**about, "live": live})


def section(kind: type) -> Any:
    """A nested group of options, made from its own defaults."""
    return dataclasses.field(default_factory=kind)


@dataclass(frozen=True, slots=True)
class Option:
    """One leaf of the configuration, as ROS, yaml and the command line see it."""

    name: str  # dotted, e.g. "pnp.max_error_px"
    kind: type  # bool, int, float or str
    default: Any
    help: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    live: bool = False  # a running node takes a change at once

def describe(kind: type, prefix: str = "") -> Iterator[Option]:
    """Every leaf option of a section class, depth first, with dotted names."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        name = prefix + field.name
        if dataclasses.is_dataclass(hints[field.name]):
            yield from describe(hints[field.name], name + ".")
        else:
            yield Option(name, hints[field.name], field.default, **field.metadata)


def from_mapping(kind: type[Section], values: Mapping[str, Any]) -> Section:
    """A section from nested or dotted keys; missing keys keep their defaults.

    Raises ConfigError for an unknown key (naming the nearest), a key given both ways, a wrong
    type, or a value out of its range.
    """
    flat: dict[str, Any] = {}
    options = {one.name: one for one in describe(kind)}
    for name, value in _flatten(values):
        if name in flat:
            raise ConfigError(expected(name, "one value", "nested and dotted keys for it"))
        if name in options:
            flat[name] = _checked(options[name], value)
        elif value != {} or not _is_section(name, options):
            raise ConfigError(_unknown(name, value, options))
    return _build(kind, flat, "")


def to_mapping(config: Any) -> dict[str, Any]:
    """The nested dictionary of a section: the inverse of `from_mapping`."""
    result: dict[str, Any] = dataclasses.asdict(config)
    return result


def flatten(config: Any) -> dict[str, Any]:
    """The dotted dictionary of a section, e.g. {"pnp.max_error_px": 6.0}."""
    return dict(_flatten(to_mapping(config)))


def load_yaml(kind: type[Section], path: Path) -> Section:
    """A section from a plain yaml file of nested keys."""
    import yaml

    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:  # ValueError: no UTF-8, huge numbers
        reason = " ".join(str(error).split())
        raise ConfigError(expected(str(path), "a readable yaml file", reason)) from None
    if values is None:
        values = {}
    if not isinstance(values, Mapping):
        raise ConfigError(expected(str(path), "keys and values", type(values).__name__))
    return from_mapping(kind, values)


def commented_yaml(kind: type, indent: str = "", values: Any = None) -> str:
    """A section as yaml, one comment of help, unit and range per option: `values`, an instance of
    it, or its defaults."""
    values = kind() if values is None else values
    lines = []
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        hint, value = hints[field.name], getattr(values, field.name)
        if dataclasses.is_dataclass(hint):
            inside = commented_yaml(hint, indent + "  ", value)  # type: ignore[arg-type]
            lines += [f"{indent}{field.name}:", inside]
            continue
        one = Option(field.name, hint, value, **field.metadata)
        lines += [f"{indent}# {help_line(one)}", f"{indent}{one.name}: {_yaml_scalar(one.default)}"]
    return "\n".join(lines)


def markdown_table(kind: type) -> str:
    """The options of a section as a table for a page of docs/."""
    rows = [
        f"| `{one.name}` | {_markdown_default(one)} | {help_line(one).replace('|', 'or')} "
        f"| {'yes' if one.live else ''} |"
        for one in describe(kind)
    ]
    return "\n".join(["| parameter | default | meaning | live |", "|---|---|---|---|", *rows])


def help_line(one: Option) -> str:
    """Help, unit, range and choices of an option in one line."""
    extras = [one.unit] if one.unit else []
    if one.choices:
        extras.append(" | ".join(one.choices))
    elif one.low is not None or one.high is not None:
        extras.append(f"{_bound(one.low)} to {_bound(one.high)}")
    return one.help + (f" [{', '.join(extras)}]" if extras else "")


def _bound(value: float | None) -> str:
    return "any" if value is None else f"{value:g}"


def _yaml_scalar(value: Any) -> str:
    import yaml

    text: str = yaml.safe_dump(value, default_flow_style=True)
    return text.removesuffix("...\n").strip()


def _markdown_default(one: Option) -> str:
    return f"`{_yaml_scalar(one.default)}`"


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values; an empty mapping is a value, so that its name is checked too."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _build(kind: type[Section], flat: Mapping[str, Any], prefix: str) -> Section:
    hints = typing.get_type_hints(kind)
    chosen: dict[str, Any] = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        name = prefix + field.name
        if dataclasses.is_dataclass(hints[field.name]):
            chosen[field.name] = _build(hints[field.name], flat, name + ".")
        elif name in flat:
            chosen[field.name] = flat[name]
    return kind(**chosen)


def _is_section(name: str, options: Mapping[str, Option]) -> bool:
    return any(other.startswith(name + ".") for other in options)


def _unknown(name: str, value: Any, options: Mapping[str, Option]) -> str:
    if _is_section(name, options):
        return expected(name, "a section", repr(value))
    near = difflib.get_close_matches(name, options, n=1, cutoff=0.0)
    return f"{name}: unknown parameter, did you mean {near[0]}?" if near else f"{name}: unknown"


def _checked(one: Option, value: Any) -> Any:
    """The value in its declared type, or a ConfigError. An int is taken for a float."""
    if isinstance(value, int) and value.bit_length() >= _INTEGER_BITS:
        got = f"an integer of {value.bit_length()}"
        raise ConfigError(expected(one.name, f"a value of {_INTEGER_BITS} bits", got))
    if one.kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not one.kind:
        article = "an" if one.kind is int else "a"
        raise ConfigError(expected(one.name, f"{article} {one.kind.__name__}", repr(value)))
    if one.choices and value not in one.choices:
        raise ConfigError(expected(one.name, " or ".join(one.choices), repr(value)))
    if isinstance(value, int | float):
        _check_range(one, value)
    return value


def _check_range(one: Option, value: float) -> None:
    low = -math.inf if one.low is None else one.low
    high = math.inf if one.high is None else one.high
    if not low <= value <= high:  # NaN fails here too
        raise ConfigError(expected(one.name, f"{_bound(one.low)} to {_bound(one.high)}", value))
