"""`semloc map places`: the views of a map described as places, so that they can be found."""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.cli.map_label import (
    counting_bar,
    label_views,
    labels_of_views,
    take_labeller,
    teller,
)
from semloc_ros.config import DescriberConfig, LabellerConfig
from semloc_ros.errors import ConfigError, expected
from semloc_ros.options import from_mapping

if TYPE_CHECKING:
    from semloc_ros.maps.label_sets import LabelSet
    from semloc_ros.maps.labelling import ReadLabels
    from semloc_ros.maps.semantic_map import SemanticMap
    from semloc_ros.perception.map_places import ViewSource
    from semloc_ros.perception.places import Describer


def places(
    folder: Path,
    model: str = typer.Option(
        ..., help="A model of places, by name or file (.safetensors or .onnx); gradients, which "
        "needs none; or a hybrid (.yaml), both of whose models describe."
    ),
    images: Path = typer.Option(
        None, help="The map's images, as a folder, a kapture folder or a bag."
    ),
    labels: str | None = typer.Option(
        None, help="For a model that reads labels, and for re-ranking: label maps as for "
        "`semloc map label`, a world's folder, or a model that labels --images. The default is the "
        "model whose labels the model of places reads, if it reads any.",
    ),
    set_: list[str] = typer.Option(
        [], "--set", metavar="NAME=VALUE", help="An option of the describer, e.g. backend=torch, "
        "or of the labeller, e.g. labeller.backend=torch.",
    ),
) -> None:
    """Describe the map's views as places, for the place retriever: kept in MAP/places/.

    They are of these views and this model's weights; each model has its own. `semloc map label`
    keeps them, a map that is built anew has none.
    """
    from semloc_ros.maps.storage import load_map
    from semloc_ros.perception.hybrids import load_hybrid
    from semloc_ros.perception.places import load_describer

    given = parse_assignments(set_)
    labeller = take_labeller(given)
    options = from_mapping(DescriberConfig, given)
    hybrid = load_hybrid(model)
    names = [one.strip() for one in model.split(",")]
    if hybrid is not None:
        names = [hybrid.semantic, hybrid.rgb]
    describers = [load_describer(name, options) for name in names]
    if hybrid is not None:
        hybrid.check(describers[0].sha256, describers[1].sha256)
    semantic_map = load_map(folder)
    for one in describers:
        unread = len(describers) > 1 and one.needs != "labels"
        _describe(one, folder, semantic_map, images, None if unread else labels, labeller)


def _describe(
    describer: Describer, folder: Path, semantic_map: SemanticMap, images: Path | None,
    labels: str | None, labeller: LabellerConfig,
) -> None:
    """Describe the views by one model into the map's folder."""
    from semloc_ros.maps.place_files import save_places
    from semloc_ros.perception.map_places import describe_views

    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory()))
        read, known = _labels(describer, labels, images, semantic_map, labeller, scratch)
        counted = None if read is None else counted_labels(describer, known)
        sources = _sources(describer, images, read, semantic_map)
        tell = teller(stack.enter_context(counting_bar()), "places")
        start = time.perf_counter()
        found = describe_views(describer, sources, counted, tell)
        took = 1e3 * (time.perf_counter() - start) / len(found)
    save_places(folder, found)
    about = f"{describer.dimensions} numbers each, {took:.0f} ms per view, {describer.computed_by}"
    line = f"{folder}: {len(found)} views described by {describer.name} ({about})"
    Console().print(line, highlight=False, soft_wrap=True)


def _labels(
    describer: Describer, labels: str | None, images: Path | None, semantic_map: SemanticMap,
    config: LabellerConfig, scratch: Path,
) -> tuple[ReadLabels | None, LabelSet | None]:
    """What reads the label map of a view, and what the labels are, as far as that is known."""
    from semloc_ros.perception.label_model import is_model

    if labels is None and describer.about is not None and describer.needs == "labels":
        labels = describer.about.labels
        if not is_model(labels):
            wanted = f"label maps of {labels}, which {describer.name} reads"
            raise ConfigError(expected("--labels", wanted, "none"))
    if labels is None:
        return None, None
    if not Path(labels).is_dir():
        if images is None:
            wanted = "a folder, or --images beside a model"
            raise ConfigError(expected(f"--labels {labels}", wanted, "neither"))
        labels = label_views(labels, images, semantic_map, config, scratch)
    return labels_of_views(Path(labels), semantic_map)


def counted_labels(describer: Describer, known: LabelSet | None) -> NDArray[np.bool_]:
    """Which labels (L,) coarse grids tell of: those that the model reads, else those that stay.

    ConfigError if the labels are not those of the model.
    """
    from semloc_ros.maps.label_sets import cityscapes

    about = describer.about
    if about is not None and describer.needs == "labels":
        if known is not None and len(known) != about.num_labels:
            wanted = f"the {about.num_labels} of {about.labels}, which {describer.name} reads"
            raise ConfigError(expected("--labels", wanted, f"{len(known)} labels"))
        return np.isin(np.arange(about.num_labels), about.kept)
    labels = cityscapes() if known is None else known
    stay = labels.stationary
    return np.ones(len(labels), np.bool_) if stay is None else np.asarray(stay)


def _sources(
    describer: Describer, images: Path | None, read_labels: ReadLabels | None,
    semantic_map: SemanticMap,
) -> list[ViewSource]:
    from semloc_ros.datasets.view_images import read_views
    from semloc_ros.perception.map_places import ViewSource

    readers = None
    if describer.needs == "image":
        if images is None:
            wanted = f"the map's images, which {describer.name} reads"
            raise ConfigError(expected("--images", wanted, "none"))
        readers = read_views(images, semantic_map)
    return [
        ViewSource(
            name, None if readers is None else readers[name],
            None if read_labels is None else partial(read_labels, name),
        )
        for name in semantic_map.view_names
    ]  # fmt: skip
