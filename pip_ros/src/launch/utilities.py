"""Everywhere that a text is taken, a substitution or a list of both is taken too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from launch.substitution import SomeSubstitutionsType, Substitution

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


def normalize_to_list_of_substitutions(value: SomeSubstitutionsType) -> list[Substitution]:
    """A text, a substitution or several of them, as a list of substitutions."""
    from launch.substitutions import TextSubstitution

    if isinstance(value, Substitution):
        return [value]
    if isinstance(value, str):
        return [TextSubstitution(text=value)]
    if isinstance(value, Iterable):
        return [one for item in value for one in normalize_to_list_of_substitutions(item)]
    raise TypeError(f"Failed to normalize given item of type '{type(value)}'")


def perform_substitutions(context: LaunchContext, substitutions: Iterable[Substitution]) -> str:
    """The texts of all, joined."""
    return "".join(context.perform_substitution(one) for one in substitutions)


def perform(context: LaunchContext, value: object) -> str:
    """The text of whatever may stand for one; numbers and truth values as Python writes them."""
    if isinstance(value, bool | int | float):
        return str(value)
    return perform_substitutions(context, normalize_to_list_of_substitutions(value))


def describe(substitutions: Iterable[Substitution]) -> str:
    """The descriptions of all, joined as upstream does."""
    return " + ".join(one.describe() for one in substitutions)
