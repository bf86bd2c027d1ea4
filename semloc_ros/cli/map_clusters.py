"""`semloc map clusters`: label maps of images without a network."""

from __future__ import annotations

from pathlib import Path

import typer

from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.cli.labels import images_of, readers_of, tell_written, write_label_maps
from semloc_ros.config import ClusterLabelsConfig
from semloc_ros.errors import ConfigError, expected
from semloc_ros.options import from_mapping

MODEL_FILE = "model.npz"


def clusters(
    images: Path = typer.Argument(..., help="Folder of images, those in folders inside too."),
    out: Path = typer.Option(..., help="Folder of the label maps, and of model.npz."),
    count: int = typer.Option(100, min=1, max=65534, help="How many labels to learn."),
    model: Path = typer.Option(None, help="Label with this model instead of learning one."),
    pattern: str = typer.Option("*", help="Which of the images, e.g. *.color.jpg."),
    every: int = typer.Option(10, min=1, help="Learn from every n-th image."),
    seed: int = typer.Option(0, min=0, help="The same seed learns the same labels."),
    set_: list[str] = typer.Option(
        [], "--set", metavar="NAME=VALUE", help="An option of the clusters, e.g. scales=2."
    ),
) -> None:
    """Label images by clusters of what they look like; no network, no labels to learn from.

    Learn from the mapping images, then `semloc map label MAP --labels OUT --count COUNT`; images
    to be localized are labelled with the same --model. The label map of a/b.jpg is OUT/a/b.png.
    """
    from semloc_ros.maps.image_files import read_image
    from semloc_ros.perception.cluster_labels import ClusterLabels, fit

    config = from_mapping(ClusterLabelsConfig, parse_assignments(set_))
    paths = images_of(images, pattern, out)
    if model is not None:
        if set_:
            raise ConfigError(expected("--set", "none with --model, which has its own", set_[0]))
        learned = ClusterLabels.load(model)
    else:
        learned = fit((read_image(path) for path in paths[::every]), count, seed, config)
        learned.save(out / MODEL_FILE)
    write_label_maps(learned.label, readers_of(images, paths), out)
    tell_written(out, len(paths), learned.count)
