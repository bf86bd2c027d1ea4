"""`semloc mask`: masks of what moves, as files for programs that know nothing of this one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from semloc_ros.cli.assignments import parse_assignments
from semloc_ros.config import DynamicConfig
from semloc_ros.errors import ConfigError, MapError, expected
from semloc_ros.options import from_mapping

if TYPE_CHECKING:
    from semloc_ros.types import Instances

ReadImage = Callable[[], NDArray[np.uint8]]
_POLARITIES = ("dynamic", "static")


def mask(
    source: Path = typer.Argument(
        ..., help="Images: a folder, those in folders inside too; a kapture folder or a world; "
        "a video; a bag."
    ),
    model: str = typer.Option(
        ..., help="A model of this package by name, or a file: .safetensors, .onnx, .pth (COCO)."
    ),
    out: Path = typer.Option(..., help="Folder of the masks."),
    polarity: str = typer.Option("dynamic", help="What is 255 in a mask: dynamic, or static."),
    overlays: Path = typer.Option(None, help="Folder of pictures with the objects drawn in."),
    instances: Path = typer.Option(
        None, help="Folder of the objects' numbers, 16 bits: as found, without cap and margin."
    ),
    pattern: str = typer.Option("*", help="Folder: which of the images, e.g. *.color.jpg."),
    topic: str = typer.Option("/camera/image_raw", help="Bag: the images."),
    set_: list[str] = typer.Option(
        [], "--set", metavar="NAME=VALUE", help="An option, e.g. score=0.7 or classes=person,car."
    ),
) -> None:  # fmt: skip
    """Mask what moves in images: OUT/a/b.png for a/b.jpg, OUT/STAMP.png for a bag's image,
    OUT/000000.png and so on for a video's, all of one channel of 8 bits.

    `semloc map build --masks OUT` and SLAM programs read them.
    """
    from semloc_ros.perception.dynamic_masks import load_dynamic

    if polarity not in _POLARITIES:
        raise ConfigError(expected("--polarity", " or ".join(_POLARITIES), polarity))
    config = from_mapping(DynamicConfig, parse_assignments(set_))
    found = _images(source, topic, pattern)
    _check_apart(source, {"--out": out, "--overlays": overlays, "--instances": instances})
    segmenter = load_dynamic(model, config)
    files = _Files(out, polarity, overlays, instances, config)
    with Progress(console=Console(stderr=True)) as bar:
        for name, read in bar.track(found.items(), description="masks"):
            image = read()
            files.write(name, image, segmenter.segment(image))
    line = (
        f"{out}: {len(found)} masks of {', '.join(segmenter.classes)} by {segmenter.name}, "
        f"{100 * files.covered / len(found):.1f} % of the pixels"
    )
    Console().print(line, highlight=False, soft_wrap=True)


def _images(source: Path, topic: str, pattern: str) -> Mapping[str, ReadImage]:
    from semloc_ros.datasets import bag_contents
    from semloc_ros.datasets.image_sources import named_images
    from semloc_ros.evaluation.events import image_topic_of

    if bag_contents.recognize(source):
        topic = image_topic_of(source, topic)
    return named_images(source, topic, pattern)


def _check_apart(source: Path, folders: Mapping[str, Path | None]) -> None:
    """Masks among the images would be masked the next time, or overwrite them."""
    for option, folder in folders.items():
        if folder is not None and source.resolve() in (folder.resolve(), *folder.resolve().parents):
            raise ConfigError(expected(option, f"a folder outside of {source}", str(folder)))


class _Files:
    """The folders that are written; `covered` is the sum of the shares that are masked."""

    def __init__(
        self, out: Path, polarity: str, overlays: Path | None, instances: Path | None,
        config: DynamicConfig,
    ) -> None:  # fmt: skip
        self._out, self._overlays, self._instances = out, overlays, instances
        self._polarity, self._config = polarity, config
        self.covered = 0.0

    def write(self, name: str, image: NDArray[np.uint8], found: Instances) -> None:
        """The files of one image; MapError where one cannot be written."""
        from semloc_ros.perception.mask_shapes import finished
        from semloc_ros.perception.masked_images import marked

        used = finished(found, self._config)
        self.covered += float((used.mask > 0).mean())
        _write(self._out / f"{name}.png", marked(used.mask, self._polarity))
        if self._instances is not None:
            _write(self._instances / f"{name}.png", found.numbers)
        if self._overlays is not None:
            from semloc_ros.evaluation.dynamic_figures import draw_objects

            whole = image if image.ndim == 3 else np.repeat(image[..., None], 3, 2)
            drawn = draw_objects(whole, used.numbers)
            _write(self._overlays / f"{name}.jpg", np.ascontiguousarray(drawn[:, :, ::-1]))


def _write(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    import cv2

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        written = cv2.imwrite(str(path), pixels)
    except OSError:
        written = False
    if not written:
        raise MapError(expected(str(path), "a file that can be written", "none"))
