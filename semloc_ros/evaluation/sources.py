"""Where masks, label maps, places and objects of a recording come from, all kinds alike.

What a job names is a topic of its bag, else a topic of a bag beside it, else a model (label maps
may be files, too, see `label_sources`, and places an oracle, see `place_sources`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from semloc_ros.config import EvaluateConfig
from semloc_ros.datasets.bag_reader import messages, topics
from semloc_ros.errors import DatasetError, expected
from semloc_ros.evaluation.arrivals import Mount
from semloc_ros.evaluation.beside import recorded_beside
from semloc_ros.evaluation.events import COMPANIONS
from semloc_ros.evaluation.faults import FaultLine
from semloc_ros.evaluation.label_sources import find_labels
from semloc_ros.evaluation.model_sources import find_masks, find_objects
from semloc_ros.evaluation.place_sources import PlaceSource, find_places
from semloc_ros.evaluation.predictions import Truth
from semloc_ros.evaluation.stream import LABELS, MASK, OBJECTS, PLACES, Event

KINDS = (MASK, LABELS, PLACES, OBJECTS)
OPTIONS = {MASK: "--masks", LABELS: "--labels", PLACES: "--places", OBJECTS: "--objects"}


@dataclass(frozen=True, slots=True)
class Job:
    """One condition to predict: `truth` is a topic of the bag or a TUM file; `faults` as they
    are written behind --inject; `mapped_ns` the stamps of the images that the map is made of;
    `labels`, `places`, `objects` and `masks` are topics of the bag or of one of `beside`, or models
    (label maps also files, places an oracle), or ""."""

    bag: Path
    truth: str
    faults: tuple[str, ...] = ()
    mapped_ns: frozenset[int] = frozenset()
    labels: str = ""
    places: str = ""
    objects: str = ""
    masks: str = ""
    beside: tuple[Path, ...] = ()

    @property
    def named(self) -> Mapping[str, str]:
        """By kind what was named."""
        return {
            MASK: self.masks, LABELS: self.labels, PLACES: self.places, OBJECTS: self.objects
        }  # fmt: skip


class Recorded(Protocol):
    """What is there before the robot is: files, topics of other bags, and labels of models, which
    are those of the images before faults."""

    def check(self, stamps_ns: Iterable[int]) -> None: ...

    def beside(self, events: Iterable[Event]) -> Iterator[Event]: ...


@dataclass(slots=True)
class Sources:
    """What is asked on the way of the events to the localizer; `config` has the topics that are in
    the bag itself."""

    config: EvaluateConfig
    recorded: list[Recorded] = field(default_factory=list)
    found: list[PlaceSource] = field(default_factory=list)  # by models: masks before the others

    def check(self, stamps_ns: Iterable[int]) -> None:
        """DatasetError, in one line, for what belongs to no image of these stamps."""
        stamps = list(stamps_ns)
        for one in self.recorded:
            one.check(stamps)

    def beside(self, events: Iterator[Event], line: FaultLine, mount: Mount) -> Iterator[Event]:
        """The events of a bag, with faults and with all that the localizer gets beside images."""
        for one in self.recorded:
            events = one.beside(events)
        events = line.inject(events)
        for other in self.found:
            events = other.beside(events, mount)
        kept = {kind for kind in KINDS if not getattr(self.config.gets, kind)}
        return (event for event in events if event.kind not in kept)


def named_sources(job: Job, config: EvaluateConfig) -> dict[str, str]:
    """By kind the topic, model or files that there are; kinds without any are left out."""
    found = {kind: named or getattr(config.topics, kind) for kind, named in job.named.items()}
    return {kind: source for kind, source in found.items() if source}


def sources_of(job: Job, config: EvaluateConfig, truth: Truth | None = None) -> Sources:
    """All sources of a job. Without `truth` they are only looked for: an oracle knows nothing.

    Raises DatasetError, in one line, for what is not there, of another type or empty; the errors of
    models that cannot be opened.
    """
    named = named_sources(job, config)
    wanted = {kind: one for kind, one in named.items() if _is_wanted(kind, named, config)}
    in_bag = topics(job.bag) if wanted else {}
    beside = {bag: topics(bag) for bag in job.beside}
    inside = {kind: one if one in in_bag else "" for kind, one in wanted.items()}
    of_bag = dict.fromkeys(KINDS, "") | inside
    sources = Sources(replace(config, topics=replace(config.topics, **of_bag)))
    for kind, source in wanted.items():
        if inside[kind]:
            _check_filled(kind, job.bag, source)
        elif bags := [bag for bag, there in beside.items() if source in there]:
            sources.recorded.append(recorded_beside(kind, bags[0], source, config.map_frame))
        else:
            _add_model(sources, kind, source, job, truth, named)
    return sources


def _is_wanted(kind: str, named: Mapping[str, str], config: EvaluateConfig) -> bool:
    """What the localizer does not get is asked all the same if models may look at it."""
    if getattr(config.gets, kind):
        return True
    return kind in (MASK, LABELS) and any(one in named for one in (PLACES, OBJECTS))


def _check_filled(kind: str, bag: Path, topic: str) -> None:
    if next(messages(bag, topic, COMPANIONS[kind]), None) is None:
        raise DatasetError(expected(f"{bag} {topic}", "messages", "none"))


def _add_model(
    sources: Sources, kind: str, source: str, job: Job, truth: Truth | None,
    named: Mapping[str, str],
) -> None:  # fmt: skip
    """A source that is no topic."""
    config = sources.config
    if not job.named[kind] or (kind != LABELS and _is_topic(source)):
        _refuse(kind, source, job)
    if kind == LABELS:
        labels = find_labels(source, job.bag, config.topics.image, config.labeller)
        assert labels is not None, "topics were looked for"
        sources.recorded.append(labels)
    elif kind == PLACES:
        nothing = Truth(np.empty(0, np.int64), np.empty((0, 4, 4)))
        sources.found.append(find_places(source, LABELS in named, truth or nothing, config))
    else:
        found = find_masks(source, config) if kind == MASK else find_objects(source, config)
        sources.found.append(found)


def _is_topic(source: str) -> bool:
    """By its looks: files have a suffix, and names of models no slash in front."""
    return source.startswith("/") and not Path(source).suffix and not Path(source).exists()


def _refuse(kind: str, source: str, job: Job) -> None:
    bags = " or ".join(map(str, (job.bag, *job.beside)))
    option = OPTIONS[kind] if job.named[kind] else f"topics.{kind}"
    raise DatasetError(expected(f"{option} {source}", f"a topic of {bags}", "none of them"))
