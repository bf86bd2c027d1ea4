"""What a map build has finished so far: features and matches by image, on disk.

Each piece is one file whose name is the hash of all that decides its content, written under
another name and renamed: what is there is whole and right, and a killed build goes on where it
was. A changed option, pose, image list or pixel changes the names, so that nothing old is used.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import FeaturesConfig
from semloc_ros.maps.archives import read_archive
from semloc_ros.maps.matching import Pairs
from semloc_ros.types import Features, PosedImage

Arrays = dict[str, NDArray[Any]]

_PIECE = re.compile(r"[0-9a-f]{32}\.npz(\.\d+\.part)?")


def work_folder(out: Path) -> Path:
    """Where the unfinished build of the map `out` keeps its pieces."""
    return out.parent / f"{out.name}.work"


@dataclass(frozen=True, slots=True)
class Workspace:
    """The pieces of one build, in `folder`."""

    folder: Path

    def remembered(self, key: str, compute: Callable[[], Arrays]) -> Arrays:
        """The arrays stored under `key`, computed and stored if they are not there."""
        path = self.folder / f"{key}.npz"
        try:
            return read_archive(path)
        except (OSError, ValueError):
            arrays = compute()
            self._store(path, arrays)
            return arrays

    def remove(self) -> None:
        """Delete the pieces, and the folder if nothing else is in it."""
        for path in self.folder.glob("*"):
            if _PIECE.fullmatch(path.name):
                path.unlink()
        with contextlib.suppress(OSError):  # somebody else's files are there
            self.folder.rmdir()

    def _store(self, path: Path, arrays: Arrays) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}.part")
        with fresh.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
        os.replace(fresh, path)


def features_key(
    image: PosedImage, pixels: NDArray[np.uint8], model: str, config: FeaturesConfig,
    mask: NDArray[np.uint8] | None = None,
) -> str:  # fmt: skip
    """The hash of what decides the features of an image, its pixels first of all.

    Name and stamp do not tell images apart: every session of one robot may count from 0.
    """
    camera = asdict(image.camera)
    parts = (image.name, image.stamp_ns, _content(pixels), camera, model, asdict(config))
    return _hash("features", *parts, *([] if mask is None else [_content(mask)]))


def masks_key(pixels: NDArray[np.uint8], seal: str) -> str:
    """The hash of what decides the mask of an image: its pixels, and what `seal` says."""
    return _hash("mask", _content(pixels), seal)


def matches_key(
    pairs: Pairs, keys: list[str], images: list[PosedImage], options: tuple[float, ...]
) -> str:
    """The hash of what decides the matches of one image's pairs."""
    rows = sorted({int(index) for index in pairs.ravel()})
    poses = [images[index].camera_from_map.round(9).tolist() for index in rows]
    return _hash("matches", pairs.tolist(), [keys[index] for index in rows], poses, options)


def pack_features(features: Features, colors: NDArray[np.uint8]) -> Arrays:
    """Features and the colours at their keypoints, as named arrays."""
    return {
        "model": np.array(features.model),
        "keypoints": features.keypoints,
        "scales": features.scales,
        "descriptors": features.descriptors,
        "colors": colors,
    }


def unpack_features(arrays: Arrays) -> tuple[Features, NDArray[np.uint8]]:
    """The inverse of `pack_features`."""
    names = ("keypoints", "scales", "descriptors")
    return Features(str(arrays["model"]), *(arrays[name] for name in names)), arrays["colors"]


def _content(pixels: NDArray[np.uint8]) -> tuple[list[int], str]:
    return list(pixels.shape), hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()


def _hash(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
