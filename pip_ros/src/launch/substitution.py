"""A text that is known only when the launch file runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class Substitution:
    """Base: `perform` gives the text, `describe` says where it will come from."""

    def describe(self) -> str:
        """What this is, for `--show-args`."""
        return repr(self)

    def perform(self, context: LaunchContext) -> str:
        """The text."""
        raise NotImplementedError


SomeSubstitutionsType = str | Substitution | Iterable[str | Substitution]
