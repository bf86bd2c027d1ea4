"""The substitutions: text, arguments, environment, paths and expressions."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterable
from typing import Any

from launch.launch_context import LaunchContext
from launch.substitution import SomeSubstitutionsType, Substitution
from launch.utilities import describe, normalize_to_list_of_substitutions, perform_substitutions

__all__ = [
    "EnvironmentVariable",
    "FindExecutable",
    "LaunchConfiguration",
    "PathJoinSubstitution",
    "PythonExpression",
    "SubstitutionFailure",
    "TextSubstitution",
    "ThisLaunchFileDir",
]


class SubstitutionFailure(RuntimeError):
    """A substitution has no text."""


class TextSubstitution(Substitution):
    """A text as it stands."""

    def __init__(self, *, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"TextSubstitution expected Text object got '{type(text)}' instead.")
        self.text = text

    def describe(self) -> str:
        """The text in quotes."""
        return f"'{self.text}'"

    def perform(self, context: LaunchContext) -> str:
        """The text."""
        return self.text


class LaunchConfiguration(Substitution):
    """The value of a launch argument."""

    def __init__(self, variable_name: SomeSubstitutionsType, *, default: Any = None) -> None:
        self.variable_name = normalize_to_list_of_substitutions(variable_name)
        self._default = None if default is None else _as_texts(default)

    def describe(self) -> str:
        """LaunchConfig(name)."""
        return f"LaunchConfig({describe(self.variable_name)})"

    def perform(self, context: LaunchContext) -> str:
        """The argument's value, else the default, else SubstitutionFailure."""
        name = perform_substitutions(context, self.variable_name)
        if name in context.launch_configurations:
            return context.launch_configurations[name]
        if self._default is None:
            raise SubstitutionFailure(f"launch configuration '{name}' does not exist")
        return perform_substitutions(context, self._default)


class EnvironmentVariable(Substitution):
    """The value of an environment variable."""

    def __init__(
        self, name: SomeSubstitutionsType, *, default_value: SomeSubstitutionsType | None = None
    ) -> None:
        self.name = normalize_to_list_of_substitutions(name)
        self.default_value = default_value

    def describe(self) -> str:
        """EnvVar(name)."""
        return f"EnvVar({describe(self.name)})"

    def perform(self, context: LaunchContext) -> str:
        """The variable's value, else the default, else SubstitutionFailure."""
        name = perform_substitutions(context, self.name)
        if name in context.environment:
            return context.environment[name]
        if self.default_value is None:
            raise SubstitutionFailure(f"environment variable '{name}' does not exist")
        default = normalize_to_list_of_substitutions(self.default_value)
        return perform_substitutions(context, default)


class PathJoinSubstitution(Substitution):
    """A path from its parts."""

    def __init__(self, substitutions: Iterable[SomeSubstitutionsType]) -> None:
        self.substitutions = normalize_to_list_of_substitutions(substitutions)

    def describe(self) -> str:
        """PathJoin('parts')."""
        return f"PathJoin('{describe(self.substitutions)}')"

    def perform(self, context: LaunchContext) -> str:
        """The parts, joined by the separator."""
        return os.path.join(*(one.perform(context) for one in self.substitutions))


class PythonExpression(Substitution):
    """The value of a Python expression, as text; names of `math` are known."""

    def __init__(
        self, expression: SomeSubstitutionsType, python_modules: Iterable[str] = ("math",)
    ) -> None:
        self.expression = normalize_to_list_of_substitutions(expression)
        self.python_modules = list(python_modules)

    def describe(self) -> str:
        """PythonExpr(expression, [modules])."""
        modules = ", ".join(f"'{name}'" for name in self.python_modules)
        return f"PythonExpr({describe(self.expression)}, [{modules}])"

    def perform(self, context: LaunchContext) -> str:
        """str() of the evaluated expression."""
        names = {name: importlib.import_module(name) for name in self.python_modules}
        if "math" in names:
            names = {**vars(names["math"]), **names}
        return str(eval(perform_substitutions(context, self.expression), {}, names))


class FindExecutable(Substitution):
    """The path of a program on the PATH."""

    def __init__(self, *, name: SomeSubstitutionsType) -> None:
        self.name = normalize_to_list_of_substitutions(name)

    def describe(self) -> str:
        """FindExec(name)."""
        return f"FindExec({describe(self.name)})"

    def perform(self, context: LaunchContext) -> str:
        """The path; SubstitutionFailure where there is none."""
        name = perform_substitutions(context, self.name)
        found = shutil.which(name)
        if found is None:
            raise SubstitutionFailure(f"executable '{name}' not found on the PATH")
        return found


class ThisLaunchFileDir(Substitution):
    """The folder of the launch file that is being read."""

    def describe(self) -> str:
        """ThisLaunchFileDir()."""
        return "ThisLaunchFileDir()"

    def perform(self, context: LaunchContext) -> str:
        """The folder; SubstitutionFailure outside of any file."""
        folder = context.get_locals_as_dict().get("current_launch_file_directory")
        if folder is None:
            raise SubstitutionFailure("ThisLaunchFileDir used outside of a launch file")
        return str(folder)


def _as_texts(default: Any) -> list[Substitution]:
    items = default if isinstance(default, list | tuple) else [default]
    texts = [item if isinstance(item, str | Substitution) else str(item) for item in items]
    return normalize_to_list_of_substitutions(texts)
