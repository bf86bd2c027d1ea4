"""What tells how alike two images are: baselines and models; and where labels are from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from place_sets import Shot

from semloc_ros import classes
from semloc_ros.config import DescriberConfig, LabellerConfig
from semloc_ros.errors import ConfigError, DatasetError, expected
from semloc_ros.evaluation import place_baselines as baselines
from semloc_ros.networks.manifest import find_model
from semloc_ros.perception.hybrids import load_hybrid
from semloc_ros.perception.label_model import is_model, load_labeller
from semloc_ros.perception.places import Describer, load_describer
from semloc_ros.types import LabelMap

SHIFT = baselines.SAD_WIDTH // 4  # a quarter of the image to each side
TRUTH = "truth"

Values = NDArray[Any]


class LabelSource(Protocol):
    """Label maps of shots. `count` labels, of which `dropped` are of what moves."""

    name: str
    count: int
    dropped: tuple[int, ...]

    def read(self, shot: Shot) -> LabelMap: ...

    def has(self, shots: Sequence[Shot]) -> bool: ...


class TrueLabels:
    """The 19 classes as the world knows them."""

    name, count, dropped = TRUTH, len(classes.NAMES), classes.MOVABLE

    def read(self, shot: Shot) -> LabelMap:
        """Its label map; every shot must have one."""
        assert shot.true_labels is not None
        return shot.true_labels()

    def has(self, shots: Sequence[Shot]) -> bool:
        """Whether all shots have true labels."""
        return all(one.true_labels is not None for one in shots)


class ModelLabels:
    """Labels by a model, computed once and kept in `work`."""

    def __init__(self, model: str, work: Path) -> None:
        self._labeller = load_labeller(model, LabellerConfig(threads=1))
        path = Path(model) if Path(model).suffix else find_model(model)
        mark = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        self._folder = work / "place_labels" / f"{path.stem}_{mark}"
        self.name, self.count = path.stem, self._labeller.count
        fixed = self._labeller.about.stationary
        self.dropped = () if fixed is None else tuple(np.flatnonzero(~fixed).tolist())

    def read(self, shot: Shot) -> LabelMap:
        """Its label map, from the file if it is there."""
        image = shot.read()
        mark = hashlib.sha256(image.tobytes()).hexdigest()[:24]
        path = self._folder / f"{mark}.png"
        kept = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.exists() else None
        if kept is not None:
            return kept
        labels = self._labeller.label(image)
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), labels)
        return labels

    def has(self, shots: Sequence[Shot]) -> bool:
        """Any image can be labelled."""
        return True


def label_source(source: str, work: Path) -> LabelSource:
    """`truth`, or a model by name or file."""
    if source == TRUTH:
        return TrueLabels()
    if not is_model(source):
        raise ConfigError(expected("--labels", "truth, or the name or file of a model", source))
    return ModelLabels(source, work)


@dataclass(frozen=True)
class Method:
    """What describes shots one by one, `describe`, and compares them, `similarity`: (Q, …) values
    of queries and (N, …) of references to (Q, N), larger is more alike. `labels`: where it takes
    labels, if it does. `symmetric`: who asks whom makes no difference."""

    name: str
    describe: Callable[[Shot], Values]
    similarity: Callable[[Values, Values], Values]
    labels: LabelSource | None = None
    symmetric: bool = False

    def fits(self, shots: Sequence[Shot]) -> bool:
        """Whether all can be described."""
        return self.labels is None or self.labels.has(shots)


def by_cosine(queries: Values, references: Values) -> Values:
    """Scalar products of parts (Q, K, D) with the first, the whole, of (N, K, D): the best part."""
    count, parts, dimensions = queries.shape
    products = queries.reshape(count * parts, dimensions) @ references[:, 0].T
    return np.asarray(products.reshape(count, parts, -1).max(axis=1))


def by_shifted_sad(queries: Values, references: Values) -> Values:
    """`shifted_sad` with `SHIFT`."""
    return baselines.shifted_sad(queries, references, SHIFT)


def hand_made(sources: Sequence[LabelSource]) -> list[Method]:
    """The baselines; the one of labels for each source of labels."""
    found = [
        Method("tiny image", lambda shot: baselines.tiny_image(shot.read())[None], by_cosine),
        Method("HOG", lambda shot: baselines.hog(shot.read())[None], by_cosine),
        Method("SAD", lambda shot: baselines.patch_normalized(shot.read()), by_shifted_sad,
               symmetric=True),
    ]  # fmt: skip
    return found + [_label_grid(source) for source in sources]


def _label_grid(source: LabelSource) -> Method:
    grid = baselines.label_grid(source.count, source.dropped)
    name = f"label grid ({source.name})"
    return Method(name, lambda shot: grid(source.read(shot))[None], by_cosine, source)


def of_models(
    names: Sequence[str], sources: Sequence[LabelSource]
) -> tuple[list[Method], list[tuple[str, str, str]]]:
    """The methods of models, and (semantic, RGB, weight) of those that are hybrids, whose weight
    was learned: with each source of labels."""
    methods: dict[str, Method] = {}
    pairs = []
    for name in names:
        hybrid = load_hybrid(name)
        parts = [name] if hybrid is None else [hybrid.semantic, hybrid.rgb]
        describers = [load_describer(part, DescriberConfig(threads=1)) for part in parts]
        found = [of_describer(one, sources) for one in describers]
        methods |= {one.name: one for many in found for one in many}
        if hybrid is not None:
            hybrid.check(describers[0].sha256, describers[1].sha256)
            both = [(a.name, b.name) for a in found[0] for b in found[1]]
            pairs += [(a, b, str(hybrid.weight)) for a, b in both]
    return list(methods.values()), pairs


def of_describer(describer: Describer, sources: Sequence[LabelSource]) -> list[Method]:
    """One method for images; of labels one for each source that has as many labels, DatasetError
    if none has."""
    if describer.needs == "image" or describer.about is None:
        return [Method(describer.name, lambda shot: describer.queries(shot.read()), by_cosine)]
    count = describer.about.num_labels
    fitting = [one for one in sources if one.count == count]
    if not fitting:
        wanted = f"a source of {count} labels for {describer.name}"
        raise DatasetError(expected("--labels", wanted, "none"))

    def of(source: LabelSource) -> Method:
        def describe(shot: Shot) -> Values:
            return describer.queries(None, source.read(shot))

        return Method(f"{describer.name} ({source.name})", describe, by_cosine, source)

    return [of(source) for source in fitting]
