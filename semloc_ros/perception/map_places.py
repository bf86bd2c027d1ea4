"""The views of a map described as places, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import InputError, expected
from semloc_ros.maps.place_files import PlaceDescriptors
from semloc_ros.perception.places import Describer
from semloc_ros.retrieval.reranking import label_grid
from semloc_ros.types import LabelMap

Tell = Callable[[int, int], None]  # done, total


@dataclass(frozen=True, slots=True)
class ViewSource:
    """One view: what reads its image and its label map, None where that is not known."""

    name: str
    read: Callable[[], NDArray[np.uint8]] | None
    read_labels: Callable[[], LabelMap] | None = None


def describe_views(
    describer: Describer, sources: Sequence[ViewSource], counted: NDArray[np.bool_] | None,
    tell: Tell = lambda done, total: None,
) -> PlaceDescriptors:
    """The places of all views of a map, `sources` in the order of its rows.

    Where there are label maps, `counted` (L,) says which of the L labels coarse grids tell of:
    they are kept for re-ranking. Raises InputError, with the view, for an image or a label map
    that does not do.
    """
    descriptors: list[NDArray[np.float32]] = []
    grids: list[LabelMap] = []
    for number, source in enumerate(sources):
        image = None if source.read is None else source.read()
        labels = None if source.read_labels is None else source.read_labels()
        try:
            descriptors.append(describer.describe(image, labels))
        except InputError as error:
            raise InputError(f"view {source.name}: {error}") from None
        if labels is not None and counted is not None:
            _check_labels(source.name, labels, len(counted))
            grids.append(label_grid(labels, len(counted), ~counted))
        tell(number + 1, len(sources))
    coarse: Any = np.stack(grids) if grids else None
    return PlaceDescriptors(
        describer.name, describer.sha256, np.stack(descriptors),
        np.arange(len(sources), dtype=np.int64), coarse, counted if grids else None,
    )


def _check_labels(name: str, labels: LabelMap, count: int) -> None:
    known = labels[labels != np.iinfo(labels.dtype).max]
    most = int(known.max()) if known.size else 0
    if most >= count:
        wanted = f"labels below {count}"
        raise InputError(expected(f"view {name}", wanted, f"{most}, as of another label set"))
