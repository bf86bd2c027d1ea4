"""What a check found: its level, a line about it, and the mend."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(str, Enum):
    """How bad it is; only FAIL stops the localizer from working."""

    OK = "ok"
    SKIP = "skip"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's table."""

    check: str
    level: Level
    found: str
    mend: str = ""


def ok(check: str, found: str) -> Finding:
    """A finding that needs no mend."""
    return Finding(check, Level.OK, found)


def skip(check: str, why: str) -> Finding:
    """Something that was not looked at."""
    return Finding(check, Level.SKIP, why)


def warn(check: str, found: str, mend: str) -> Finding:
    """Something that works but will surprise."""
    return Finding(check, Level.WARN, found, mend)


def fail(check: str, found: str, mend: str) -> Finding:
    """Something that stops the localizer from working."""
    return Finding(check, Level.FAIL, found, mend)
