"""What `objects.py` compares: networks, their kinds of matches, and images with their truth.

A network looks at an image once, whatever number of matchers asks for its finds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import ObjectMatcherConfig
from semloc_ros.datasets.kapture import read_kapture_set
from semloc_ros.datasets.world_objects import world_object_images
from semloc_ros.evaluation.object_quality import LEAST_SHARE
from semloc_ros.evaluation.object_truth import Errors, true_finds
from semloc_ros.maps.objects import MapObjects
from semloc_ros.networks.manifest import find_model
from semloc_ros.networks.object_inputs import ObjectFinds
from semloc_ros.perception.objects import ObjectMatcher
from semloc_ros.types import ObjectDetection, PictureObjects, PosedImage

GIVEN = "given"  # the matcher that is told which objects are where, and says what the network does

Planes = NDArray[np.float32]
Found = tuple[list[ObjectDetection], dict[str, float]]  # and milliseconds by stage


@dataclass(frozen=True, slots=True)
class TestImage:
    """An image whose pose is known, and its true objects, if they are."""

    posed: PosedImage
    truth: PictureObjects | None


Find = Callable[[TestImage], Found]


class Network(Protocol):
    """What is used of an `ObjectBackend` of torch."""

    about: object
    computed_by: str

    def find(self, images: Planes) -> ObjectFinds: ...
    def matched(
        self, images: Planes, boxes: Planes, labels: NDArray[np.int64]
    ) -> ObjectFinds: ...


class Once:
    """A backend whose last answer is kept, as long as it is asked for the same image; `saved_ms` is
    what the last call would have taken besides."""

    def __init__(self, network: Network) -> None:
        self.about, self.computed_by = network.about, network.computed_by
        self._network, self._asked = network, np.empty(0, np.float32)
        self._last: ObjectFinds | None = None
        self._spent_ms = self.saved_ms = 0.0

    def find(self, images: Planes) -> ObjectFinds:
        """See `ObjectBackend`."""
        self.saved_ms = self._spent_ms
        if self._last is None or not np.array_equal(images, self._asked):
            began = time.perf_counter()
            self._asked, self._last = images, self._network.find(images)
            self._spent_ms, self.saved_ms = 1e3 * (time.perf_counter() - began), 0.0
        return self._last


class Given:
    """A backend that is told what `truth` is, and finds that, where it is: what is the network's
    are the matches, and how sure it is of them."""

    def __init__(self, network: Network, names: Sequence[str]) -> None:
        self.about, self.computed_by = network.about, network.computed_by
        self._network, self._labels = network, {name: n for n, name in enumerate(names, 1)}
        self.truth: PictureObjects | None = None

    def find(self, images: Planes) -> ObjectFinds:
        """See `ObjectBackend`."""
        boxes, labels, shown = [np.empty((0, 4))], [], []
        size = images.shape[-2:]
        if self.truth is not None:
            scale = np.divide(size, self.truth.numbers.shape)[[1, 0, 1, 0]]
            for number, name, box in true_boxes(self.truth):
                if name in self._labels:
                    boxes.append(box[None] * scale)
                    labels.append(self._labels[name])
                    shown.append(self.truth.numbers == number)
        whole = np.concatenate(boxes).astype(np.float32)
        found = self._network.matched(images, whole, np.array(labels, np.int64))
        for mask, seen, window in zip(found.masks, shown, found.windows, strict=True):
            mask[...] = on_grid(seen, window, size, len(mask))
        return found


def on_grid(
    seen: NDArray[np.bool_], window: Planes, size: Sequence[int], side: int
) -> NDArray[np.bool_]:
    """What is seen (H, W) at the middles (side, side) of the cells of a window (4,), which is in
    pixels of an image of another size."""
    steps = (np.arange(side) + 0.5) / side
    axes = []
    for axis in (0, 1):
        places = window[axis] + steps * (window[axis + 2] - window[axis])
        cells = np.floor(places * seen.shape[1 - axis] / size[1 - axis]).astype(np.int64)
        outside = (cells < 0) | (cells >= seen.shape[1 - axis])
        axes.append(np.where(outside, -1, cells))
    columns, rows = axes
    return np.asarray(np.pad(seen, ((0, 1), (0, 1)))[np.ix_(rows, columns)])  # -1 is not seen


def true_boxes(truth: PictureObjects) -> Iterator[tuple[int, str, NDArray[np.float64]]]:
    """Number, name and box (4,), from edge to edge, of what is seen of each object that is seen
    enough."""
    for number, name in enumerate(truth.names, 1):
        rows, columns = np.nonzero(truth.numbers == number)
        if len(rows) >= LEAST_SHARE * truth.numbers.size:
            last = columns.max() + 1, rows.max() + 1
            yield number, name, np.array([columns.min(), rows.min(), *last], np.float64)


def exact(sigma_px: float, rng: np.random.Generator) -> Find:
    """Finds made of the truth."""
    errors = Errors(sigma_px, sigma_px / 2)
    return lambda image: (true_finds(image.truth, errors, rng) if image.truth else [], {})


def kinds_of(matchers: str, refinements: str) -> list[tuple[str, str]]:
    """All pairs of both, given by commas; MATCHER:REFINE is a pair of its own."""
    pairs = []
    for one in matchers.split(","):
        matcher, _, refine = one.partition(":")
        pairs += [(matcher, each) for each in ([refine] if refine else refinements.split(","))]
    return pairs


def networks(
    model: Path, objects: MapObjects, kinds: Sequence[tuple[str, str]], score: float
) -> dict[str, Find]:
    """The finds of one network by each kind of match, by what it is called in the table."""
    from semloc_ros.networks.torch_objects import TorchObjectBackend

    backend = TorchObjectBackend(find_model(model), "cpu", 0)
    alike = Once(backend)
    return {
        f"{matcher} {refine}": finder(backend, alike, objects, matcher, refine, score)
        for matcher, refine in kinds
    }


def finder(
    backend: Network, alike: Once, objects: MapObjects, matcher: str, refine: str, score: float
) -> Find:
    """Finds by one kind of match."""
    names = backend.about.names  # type: ignore[attr-defined]
    given = Given(backend, names) if matcher == GIVEN else None
    config = ObjectMatcherConfig(
        matcher="regression" if given else matcher, refine=refine, score=score
    )
    ready = ObjectMatcher(alike if given is None else given, objects, config)  # type: ignore[arg-type]
    if not ready.names:
        raise SystemExit(f"objects of the network: expected some of the map's, got {names[:3]}")

    def find(image: TestImage) -> Found:
        if given is not None:
            given.truth = image.truth
        found = ready.find(image.posed.read(), camera=image.posed.camera)
        saved = alike.saved_ms if given is None else 0.0
        return found, {**ready.stage_ms, "network": ready.stage_ms["network"] + saved}

    return find


def test_images(folders: Sequence[Path], every: int, most: int) -> list[Callable[[], TestImage]]:
    """Images with poses of kapture folders, with their truth, if they are a world's: each
    `every`-th, and of these at most so many, evenly (0: all)."""
    found = [one for folder in folders for one in _images_of(folder)][::every]
    if 0 < most < len(found):
        rows = np.linspace(0, len(found) - 1, most).round().astype(int)
        found = [found[row] for row in rows]
    return found


def _images_of(folder: Path) -> list[Callable[[], TestImage]]:
    truths: dict[str, Callable[[], PictureObjects]] = {}
    if (folder / "objects.json").is_file():
        inside = len(folder.resolve().name) + 1
        truths = {one.name[inside:]: one.read_objects for one in world_object_images(folder)}

    def shown(posed: PosedImage) -> TestImage:
        image = posed.read()
        once = replace(posed, read=lambda: image)
        return TestImage(once, truths[posed.name]() if posed.name in truths else None)

    read = read_kapture_set(folder)
    return [lambda one=one: shown(one) for one in [*read.mapping, *read.queries]]
