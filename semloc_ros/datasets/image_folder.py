"""Folders of images about which nothing is known: the last resort of `semloc dataset check`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from semloc_ros.datasets.contents import DatasetContents, Sample, shares, spread
from semloc_ros.errors import DatasetError, expected
from semloc_ros.maps.image_files import read_image

_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")


def recognize(folder: Path) -> bool:
    """Whether images lie in the folder or in a folder inside."""
    return bool(_groups(folder))


def load_images(folder: Path) -> DatasetContents:
    """The images of the folder and of those inside it, by folder; DatasetError if none is there."""
    groups = _groups(folder)
    if not groups:
        raise DatasetError(expected(str(folder), "images", "none"))
    given = shares([len(paths) for paths in groups.values()])
    samples = [
        Sample(path.relative_to(folder).as_posix(), partial(read_image, path))
        for paths, share in zip(groups.values(), given, strict=True)
        for path in spread(paths, share)
    ]
    counts = {f"images in {name}": len(paths) for name, paths in groups.items()}
    warning = "no data set's layout: nothing is known but the pixels"
    return DatasetContents(counts, tuple(samples), warnings=(warning,))


def _groups(folder: Path) -> dict[str, list[Path]]:
    inside = [folder, *sorted(path for path in folder.glob("*") if path.is_dir())]
    found = {
        place.relative_to(folder).as_posix(): sorted(
            path for path in place.glob("*") if path.suffix.lower() in _ENDINGS and path.is_file()
        )
        for place in inside
    }
    return {name: paths for name, paths in found.items() if paths}
