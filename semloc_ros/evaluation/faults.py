"""Faults put into a stream of events: `drop=0.2 blackout@10s=3s kidnap@40s`.

A fault is `name`, `name=value`, `name@start` or `name@start=value`; the start counts from the
stamp of the first image or odometry. They act one after the other, those that carry the robot off
first of all. Each has random numbers of its own that depend on the seed, on its name, on how many
of that name stand before it, and on the event's stamp alone: the same stream gives the same faults
whenever it arrives, from a bag or on live topics, and `drop=0.2` loses the same images whatever
else is injected, so that two runs can be compared frame by frame.

    FaultLine(parse_faults(["drop=0.2"]), seed).inject(events)

`push` takes one event at a time and gives those that it became, so topics go through too (the node
`fault_injector`); an event whose `at_ns` is later than now is to be held until then. Only clocks
jump by the time of arrival, as an arrival cannot be before a jump and after it.
"""

from __future__ import annotations

import difflib
import heapq
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from semloc_ros.errors import ConfigError, expected
from semloc_ros.evaluation import spoiling
from semloc_ros.evaluation.stream import IMAGE, LABELS, ODOMETRY, Event
from semloc_ros.geometry import se3
from semloc_ros.types import FloatArray

_SPEC = re.compile(r"([a-z_]+)(?:@([^=]*))?(?:=(.*))?")
_NUMBER = re.compile(r"([-+]?[0-9]*\.?[0-9]+)\s*(s|px|%)?")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: what its value means, its default and range; `start_s` by default, and
    whether it lasts for the value's seconds or to the end."""

    meaning: str
    value: float
    low: float
    high: float
    start_s: float = 0.0
    lasts: bool = False


KINDS = {
    "drop": Kind("share of the images that are lost", 0.2, 0.0, 1.0),
    "delay": Kind("seconds by which images come later", 0.3, 0.0, 60.0),
    "blackout": Kind("seconds of black images", 3.0, 0.0, 3600.0, 10.0, lasts=True),
    "occlude": Kind("share of each image that something covers", 0.5, 0.0, 1.0),
    "crowd": Kind("people who walk through the image", 6.0, 0.0, 100.0),
    "blur": Kind("motion blur, in pixels", 9.0, 0.0, 200.0),
    "exposure": Kind("factor of the brightness", 0.3, 0.0, 20.0),
    "labels": Kind("share of each label map that is wrong", 0.2, 0.0, 1.0),
    "kidnap": Kind("seconds for which the robot is carried, blind", 3.0, 0.0, 3600.0, 10.0, True),
    "clockjump": Kind("seconds by which all clocks jump, back if negative", -5.0, -3600.0, 3600.0,
                      10.0),
    "nan_odom": Kind("seconds of odometry that is not a number", 2.0, 0.0, 3600.0, 10.0, True),
    "odom_dropout": Kind("seconds without odometry", 3.0, 0.0, 3600.0, 10.0, True),
    "odom_scale": Kind("factor of the way that odometry says", 1.05, 0.1, 10.0),
}  # fmt: skip
_SPOILING = {
    "occlude": spoiling.occlude,
    "crowd": spoiling.crowd,
    "blur": spoiling.blur,
    "exposure": spoiling.expose,
}
SPOILS_IMAGES = frozenset((*_SPOILING, "blackout"))  # what needs an image's pixels


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault as it was asked for."""

    name: str
    start_s: float
    value: float

    def acts(self, seconds: float) -> bool:
        """Whether it acts at that time after the first stamp."""
        end = self.start_s + self.value if KINDS[self.name].lasts else np.inf
        return self.start_s <= seconds < end


def parse_faults(words: Iterable[str], option: str = "--inject") -> tuple[Fault, ...]:
    """Faults from words, each of which may hold several, apart by blanks or commas.

    Raises ConfigError of one line that names the option, for an unknown name with the nearest
    known one.
    """
    split = (word for text in words for word in re.split(r"[\s,]+", text) if word)
    try:
        return tuple(_parse(word) for word in split)
    except ConfigError as error:
        raise ConfigError(f"{option}: {error}") from None


class FaultLine:
    """A line of faults that events go through, in the order in which they were asked for; only
    kidnaps come first, as broken odometry says nothing of where the robot was carried."""

    def __init__(self, faults: Sequence[Fault], seed: int) -> None:
        self._faults = tuple(sorted(faults, key=lambda fault: fault.name != "kidnap"))
        names = [fault.name for fault in self._faults]
        self._streams = [
            (seed, zlib.crc32(name.encode()), names[:place].count(name))
            for place, name in enumerate(names)
        ]
        self._acted: set[int] = set()  # places of the faults that have changed an event
        self._first_ns: int | None = None  # stamp of the first image or odometry
        self._first_at_ns: int | None = None  # arrival of the first event
        self._frozen: dict[int, FloatArray] = {}  # odometry where a kidnap began, by place
        self._carried: dict[int, FloatArray] = {}  # odometry during and after a kidnap
        self._last_odometry: dict[int, FloatArray] = {}

    @property
    def kidnaps_ns(self) -> list[int]:
        """When robots that were carried off are put down, by the clock of the recording."""
        if self._first_ns is None:
            return []
        return [
            self._first_ns + round((fault.start_s + fault.value) * 1e9)
            for place, fault in enumerate(self._faults)
            if fault.name == "kidnap" and place in self._acted
        ]

    @property
    def idle(self) -> list[str]:
        """Names of the faults that have changed nothing, as behind the end of a recording."""
        faults = enumerate(self._faults)
        return [fault.name for place, fault in faults if place not in self._acted]

    def inject(self, events: Iterable[Event]) -> Iterator[Event]:
        """The events that arrive, in the order of arrival."""
        held: list[tuple[int, int, Event]] = []
        for number, event in enumerate(events):
            for became in self.push(event):
                heapq.heappush(held, (became.at_ns, number, became))
            while held and held[0][0] <= event.at_ns:
                yield self.reclock(heapq.heappop(held)[2])
        while held:
            yield self.reclock(heapq.heappop(held)[2])

    def push(self, event: Event) -> list[Event]:
        """What becomes of an event, before the clocks jump: nothing, itself, or itself changed."""
        if self._first_at_ns is None:
            self._first_at_ns = event.at_ns
        if self._first_ns is None and event.kind in (IMAGE, ODOMETRY):
            self._first_ns = event.origin_ns
        first_ns = event.origin_ns if self._first_ns is None else self._first_ns
        seconds = max((event.origin_ns - first_ns) * 1e-9, 0.0)  # stamps overlap at the beginning
        became: Event | None = event
        for place, fault in enumerate(self._faults):
            if became is not None and fault.name != "clockjump":
                before, became = became, self._apply(place, fault, became, seconds)
                if became is not before:
                    self._acted.add(place)
        return [] if became is None else [became]

    def reclock(self, event: Event) -> Event:
        """The event by clocks that have jumped; before anything was pushed none has."""
        if self._first_at_ns is None:
            return event
        jumped, seconds = 0, (event.at_ns - self._first_at_ns) * 1e-9
        for place, fault in enumerate(self._faults):
            if fault.name == "clockjump" and fault.acts(seconds):
                jumped += round(fault.value * 1e9)
                self._acted.add(place)
        at_ns, stamp_ns = event.at_ns + jumped, event.stamp_ns + jumped
        return replace(event, at_ns=at_ns, stamp_ns=stamp_ns) if jumped else event

    def _apply(self, place: int, fault: Fault, event: Event, seconds: float) -> Event | None:
        if fault.name == "kidnap":
            return self._kidnap(place, fault, event, seconds)
        if not fault.acts(seconds):
            return event
        if event.kind == IMAGE:
            return self._on_image(place, fault, event, seconds)
        if event.kind == LABELS and fault.name == "labels" and isinstance(event.value, np.ndarray):
            rng = self._rng(place, event.origin_ns)
            return replace(event, value=spoiling.mislabel(event.value, fault.value, rng))
        if event.kind == ODOMETRY and fault.name == "odom_dropout":
            return None
        if event.kind == ODOMETRY and fault.name == "nan_odom":
            return replace(event, value=np.full((4, 4), np.nan))
        if event.kind == ODOMETRY and fault.name == "odom_scale":
            return self._scaled(place, fault, event)
        return event

    def _scaled(self, place: int, fault: Fault, event: Event) -> Event:
        """Wheels of another size than they are taken for: the way since the fault began."""
        if not isinstance(event.value, np.ndarray):
            return event
        first = self._last_odometry.setdefault(place, event.value)
        since = se3.inverse(first) @ event.value
        since[:3, 3] *= fault.value
        return replace(event, value=first @ since)

    def _on_image(self, place: int, fault: Fault, event: Event, seconds: float) -> Event | None:
        if fault.name == "drop":
            lost = self._rng(place, event.origin_ns).random() < fault.value
            return None if lost else event
        if fault.name == "delay":
            return replace(event, at_ns=event.at_ns + round(fault.value * 1e9))
        if not isinstance(event.value, np.ndarray):  # an image that could not be read
            return event
        if fault.name == "blackout":
            return replace(event, value=np.zeros_like(event.value))
        if fault.name in _SPOILING:
            # what covers the view stays for a while: its numbers are those of the fault alone
            rng = self._rng(place, 0)
            return replace(
                event, value=_SPOILING[fault.name](event.value, fault.value, seconds, rng)
            )
        return event

    def _kidnap(self, place: int, fault: Fault, event: Event, seconds: float) -> Event | None:
        """Nothing is seen while the robot is carried, and its wheels do not turn: afterwards
        odometry goes on from where it was."""
        if event.kind == IMAGE:
            return None if fault.acts(seconds) else event
        if event.kind != ODOMETRY or not isinstance(event.value, np.ndarray):
            return event
        if seconds < fault.start_s:
            self._last_odometry[place] = event.value
            return event
        before = self._frozen.setdefault(place, self._last_odometry.get(place, event.value))
        if fault.acts(seconds) or place not in self._carried:
            self._carried[place] = event.value
        since = se3.inverse(self._carried[place]) @ event.value
        return replace(event, value=before @ since, covariance=None)  # of other axes than these

    def _rng(self, place: int, number: int) -> np.random.Generator:
        return np.random.default_rng([*self._streams[place], number])


def _parse(word: str) -> Fault:
    found = _SPEC.fullmatch(word)
    name = found.group(1) if found else re.split(r"[@=]", word)[0]
    if found is None or name not in KINDS:
        near = difflib.get_close_matches(name, KINDS, n=1, cutoff=0.0)[0]
        raise ConfigError(f"{name!r}: unknown fault, did you mean {near}?")
    kind = KINDS[name]
    start = kind.start_s if found.group(2) is None else _number(f"{name}@", found.group(2))
    value = kind.value if found.group(3) is None else _number(f"{name}=", found.group(3))
    if not kind.low <= value <= kind.high:
        wanted = f"{kind.meaning}, {kind.low:g} to {kind.high:g}"
        raise ConfigError(expected(name, wanted, f"{value:g}"))
    if start < 0:
        raise ConfigError(expected(f"{name}@", "seconds, not negative", f"{start:g}"))
    return Fault(name, start, value)


def _number(place: str, text: str) -> float:
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise ConfigError(expected(place, "a number, as 3 or 3s", repr(text)))
    return float(found.group(1)) * (0.01 if found.group(2) == "%" else 1.0)
