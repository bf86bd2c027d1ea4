"""What the launch files share: arguments that are options of nodes, and only what was given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from launch import LaunchContext
from launch.actions import DeclareLaunchArgument

from semloc_ros.options import Option, help_line

Given = Mapping[str, str]  # arguments that were given, by name


def optional(name: str, description: str) -> DeclareLaunchArgument:
    """An argument that is empty where it was not given."""
    return DeclareLaunchArgument(name, default_value="", description=description)


def arguments_of(options: Iterable[Option], only_with: str = "") -> Iterator[DeclareLaunchArgument]:
    """One for each option of a node, which counts `only_with` that argument where it is named."""
    before = f"{only_with}: " if only_with else ""
    for one in options:
        yield optional(one.name, f"{before}{help_line(one)}; {one.default!r} if not given")


def common_arguments(config: str) -> Iterator[DeclareLaunchArgument]:
    """Those of every launch file of a node; `config` says what the file of that argument is."""
    yield optional("config", config)
    yield optional("use_sim_time", "true: time comes from /clock")
    yield optional("namespace", "namespace of the node and its topics")
    yield optional("log_level", "debug, info, warn or error")


def given_in(context: LaunchContext) -> dict[str, str]:
    """What was given, by name."""
    return {name: value for name, value in context.launch_configurations.items() if value != ""}


def values_of(options: Iterable[Option], given: Given) -> dict[str, Any]:
    """Parameters from the options that were given. Texts stay as they are, even such as `007`; the
    node checks type and range."""
    return {
        one.name: given[one.name] if one.kind is str else yaml.safe_load(given[one.name])
        for one in options if one.name in given
    }  # fmt: skip


def sim_time(given: Given) -> dict[str, Any]:
    """The parameter of that name, where it was given."""
    name = "use_sim_time"
    return {name: yaml.safe_load(given[name])} if name in given else {}


def parameters(options: Iterable[Option], given: Given) -> Iterator[str | dict[str, Any]]:
    """The user's file, then the options of the command line, which win. RuntimeError, which launch
    shows in one line, for a file that is absent."""
    if "config" in given:
        if not Path(given["config"]).is_file():
            raise RuntimeError(f"config: expected a yaml file, got {given['config']}")
        yield given["config"]
    if values := values_of(options, given) | sim_time(given):
        yield values


def log_level(given: Given) -> list[str] | None:
    """Words for ROS."""
    return ["--log-level", given["log_level"]] if "log_level" in given else None
