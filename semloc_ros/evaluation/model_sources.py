"""Masks and objects that models find in the images of a bag, while it is replayed.

They count as infinitely fast, but see what the robot sees: images after faults.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from semloc_ros.config import DynamicConfig, EvaluateConfig, ObjectMatcherConfig
from semloc_ros.errors import SemlocError
from semloc_ros.evaluation.arrivals import Mount
from semloc_ros.evaluation.stream import CAMERA, IMAGE, MASK, OBJECTS, Event, with_made
from semloc_ros.localization.objects import lift
from semloc_ros.maps.object_files import load_objects
from semloc_ros.maps.objects import MapObjects
from semloc_ros.perception.dynamic_masks import DynamicSegmenter, load_dynamic
from semloc_ros.perception.mask_shapes import finished
from semloc_ros.perception.objects import load_object_matcher
from semloc_ros.types import Camera, ObjectDetection


@dataclass(frozen=True, slots=True)
class FoundMasks:
    """Masks of what a model takes for dynamic."""

    segmenter: DynamicSegmenter
    config: DynamicConfig

    def beside(self, events: Iterable[Event], mount: Mount) -> Iterator[Event]:
        """The events, and before each image its mask; none of an image that is broken."""
        return with_made(events, MASK, self._mask)

    def _mask(self, image: NDArray[Any]) -> NDArray[Any]:
        return finished(self.segmenter.segment(image), self.config).mask


class Finder(Protocol):
    """`perception.objects.ObjectMatcher`."""

    def find(
        self, image: NDArray[Any], mask: NDArray[Any] | None = None, camera: Camera | None = None
    ) -> list[ObjectDetection]: ...


@dataclass(frozen=True, slots=True)
class FoundObjects:
    """Matches of the map's objects that a model finds, outside of masks. With `late_masks` an image
    is looked at when its mask comes, or, as some have none, at the next image."""

    finder: Finder
    objects: MapObjects
    late_masks: bool = False

    def beside(self, events: Iterable[Event], mount: Mount) -> Iterator[Event]:
        """The events, and the objects of each image as soon as they can be found."""
        camera: Camera | None = None
        mask: Event | None = None
        waits: Event | None = None
        for event in events:
            if event.kind == CAMERA:
                camera = event.value if isinstance(event.value, Camera) else None
            mask = event if event.kind == MASK else mask
            if waits is not None and (event.kind == IMAGE or _belong(mask, waits)):
                yield replace(waits, at_ns=event.at_ns, **self._found(waits, mask, camera))
                waits = None
            if event.kind == IMAGE and not isinstance(event.value, SemlocError):
                if self.late_masks and not _belong(mask, event):
                    waits = event
                else:
                    yield replace(event, **self._found(event, mask, camera))
            yield event
        if waits is not None:
            yield replace(waits, **self._found(waits, mask, camera))

    def _found(self, image: Event, mask: Event | None, camera: Camera | None) -> dict[str, Any]:
        """Kind and value of the event that tells of them."""
        of_image = mask.value if mask is not None and _belong(mask, image) else None
        try:
            usable = None if isinstance(of_image, SemlocError) else of_image
            finds = self.finder.find(image.value, usable, camera)
        except SemlocError as error:
            return {"kind": OBJECTS, "value": error}
        return {"kind": OBJECTS, "value": lift(finds, self.objects, image.stamp_ns)}


def _belong(mask: Event | None, image: Event) -> bool:
    return mask is not None and mask.stamp_ns == image.stamp_ns


def find_masks(model: str, config: EvaluateConfig) -> FoundMasks:
    """Of a model by name or file; the errors of `load_dynamic`."""
    return FoundMasks(_segmenter(model, config.dynamic), config.dynamic)


def find_objects(model: str, config: EvaluateConfig) -> FoundObjects:
    """Of a model by name or file, for the objects of the map of the configuration; the errors of
    `load_objects` and `load_object_matcher`."""
    finder, objects = _matcher(model, Path(config.map).expanduser(), config.ooi)
    return FoundObjects(finder, objects, late_masks=bool(config.topics.mask))


@lru_cache(maxsize=1)
def _segmenter(model: str, config: DynamicConfig) -> DynamicSegmenter:
    """One at a time is kept: bag after bag has the same."""
    return load_dynamic(model, config)


@lru_cache(maxsize=1)
def _matcher(model: str, map_: Path, config: ObjectMatcherConfig) -> tuple[Finder, MapObjects]:
    objects = load_objects(map_)
    return load_object_matcher(model, objects, config), objects
