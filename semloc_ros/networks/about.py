"""What models of every kind say of themselves; one kind of model is one subclass of `About`."""

from __future__ import annotations

import dataclasses
import math
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, TypeVar

from semloc_ros.errors import ModelError, expected
from semloc_ros.networks.images import IMAGENET, Normalization

Kind = TypeVar("Kind", bound="About")


@dataclass(frozen=True, slots=True)
class About(ABC):
    """A trained network in words: what all kinds of models share.

    `normalization` is that of RGB images; `training` is the command that made it, `data` what it
    was trained on. `kind` tells kinds of models apart, in files and manifests.
    """

    kinds: ClassVar[tuple[str, ...]]  # what `kind` may be
    gives: ClassVar[str]  # what the network makes of an image, for messages
    shape_fields: ClassVar[tuple[str, ...]]  # what its network is built with, in that order
    entry_fields: ClassVar[tuple[str, ...]]  # what a manifest says of this kind and of no other

    name: str
    architecture: str
    _: KW_ONLY
    kind: str
    normalization: Normalization = IMAGENET
    training: str = ""
    data: str = ""
    licence: str = ""

    @abstractmethod
    def check(self) -> None:
        """Raises ModelError, naming the field, where the fields do not agree."""

    @abstractmethod
    def entry(self) -> dict[str, Any]:
        """What a manifest says of it beside what it says of all: `entry_fields`."""

    @staticmethod
    @abstractmethod
    def summary(entry: Mapping[str, Any]) -> str:
        """What a model of this kind gives, in a few words, from its entry in a manifest."""


def check_normalization(normalization: Normalization) -> None:
    """Raises ModelError unless there are three finite numbers each, and no std of 0 or less."""
    for name, values in dataclasses.asdict(normalization).items():
        fine = len(values) == 3 and all(math.isfinite(one) for one in values)
        if not fine or (name == "std" and min(values) <= 0):
            wanted = "three finite numbers" + (" above 0" if name == "std" else "")
            raise ModelError(expected(name, wanted, list(values)))


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raises ModelError for a value that is none of the choices."""
    if value not in choices:
        raise ModelError(expected(name, " or ".join(choices), repr(value)))


def check_count(name: str, value: int, least: int = 1) -> None:
    """Raises ModelError for a number below the least."""
    if value < least:
        raise ModelError(expected(name, f"{least} or more", value))


def from_fields(kind: type[Kind], found: Mapping[str, Any]) -> Kind:
    """An `About` from the values that JSON has of its fields. One that has a default may be
    missing: files stay readable when a kind of models gets another field.

    Raises ModelError for missing and unknown fields, and for values that are not of their type.
    """
    hints = typing.get_type_hints(kind)
    fields = {field.name: field.default for field in dataclasses.fields(kind)}
    needed = {name for name, default in fields.items() if default is dataclasses.MISSING}
    odd = sorted((needed - set(found)) | (set(found) - set(fields)))
    if odd:
        raise ModelError(expected("about", "the fields of a model", f"{odd[0]} missing or unknown"))
    values = {}
    for name in found:
        try:
            values[name] = _READ[hints[name]](found[name])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(expected(f"about: {name}", "its type", repr(error))) from None
    return kind(**values)


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is not true or false")
    return value


def _normalization(value: Any) -> Normalization:
    mean, std = (tuple(float(one) for one in value[name]) for name in ("mean", "std"))
    return Normalization(mean, std)  # type: ignore[arg-type]


_READ: dict[object, Callable[[Any], Any]] = {
    str: _word,
    int: int,
    float: float,
    bool: _truth,
    tuple[float, ...]: lambda value: tuple(float(one) for one in value),
    tuple[str, ...]: lambda value: tuple(_word(one) for one in value),
    tuple[bool, ...]: lambda value: tuple(bool(one) for one in value),
    tuple[int, ...]: lambda value: tuple(int(one) for one in value),
    Normalization: _normalization,
}
