"""What the benchmarks of masks share: masks by name, and what masks win of what true ones do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets.world_folder import read_true_masks
from semloc_ros.errors import ConfigError, expected
from semloc_ros.maps.masks import masks_of_folder
from semloc_ros.types import FloatArray, PosedImage

Mask = NDArray[np.uint8]
MaskOf = Callable[[PosedImage, NDArray[np.uint8]], Mask | None]
NONE, TRUE = "none", "true"
BLOCK = 10  # neighbouring images err alike
FLIPS, SURE = 2000, 0.05


def masks_by_name(words: Sequence[str], frames: Path) -> dict[str, MaskOf]:
    """`none`, what the words NAME=FOLDER name (`semloc mask` of the frames), and `true`: of the
    dataset folder of a world."""
    true = read_true_masks(frames)
    found: dict[str, MaskOf] = {NONE: lambda image, pixels: None}
    for word in words:
        name, equals, folder = word.partition("=")
        if not equals or not Path(folder).is_dir() or name in (TRUE, *found):
            raise ConfigError(expected("--masks", "another NAME=FOLDER of masks", word))
        found[name] = masks_of_folder(Path(folder)).read
    found[TRUE] = lambda image, pixels: true(image)
    return found


def part_of(images: Sequence[PosedImage], part: str) -> Sequence[PosedImage]:
    """The images FIRST:LAST, the last not among them; all of them without a word."""
    first, colon, last = part.partition(":")
    if part and not (colon and first.isdecimal() and last.isdecimal() and int(first) < int(last)):
        raise ConfigError(expected("--part", "FIRST:LAST, two numbers of images", part))
    return images[int(first) : int(last)] if part else images


def under(mask: Mask, pixels: FloatArray) -> NDArray[np.bool_]:
    """Which pixels (N, 2), inside the image, lie under a mask."""
    u, v = np.rint(pixels).astype(int).T.reshape(2, -1)
    height, width = mask.shape
    return np.asarray(mask[np.clip(v, 0, height - 1), np.clip(u, 0, width - 1)] > 0)


def share_under(mask: Mask, pixels: FloatArray) -> float:
    """Share of the pixels (N, 2) under a mask; NaN without a pixel."""
    return float(under(mask, pixels).mean()) if len(pixels) else float("nan")


def won_back(losses: Mapping[str, FloatArray]) -> dict[str, str]:
    """In words, by the name of the masks, the share of what true masks win that these win:
    (none - these) / (none - true) of the mean losses (N,), image by image, less is better.

    Where true masks win nothing, or no more than by chance, it is undefined. Chance: the signs of
    the differences are turned at random, blocks of images together.
    """
    means = {name: float(np.mean(loss)) for name, loss in losses.items()}
    won = means[NONE] - means[TRUE]
    chance = chance_of(losses[NONE] - losses[TRUE])
    about = f"{means[NONE]:.3g} to {means[TRUE]:.3g}, p = {chance:.2g}"
    if won <= 0 or chance > SURE:
        return {TRUE: f"{about}; the share won back is undefined"}
    shares = {
        name: f"{100 * (means[NONE] - mean) / won:.0f} % won back ({mean:.3g})"
        for name, mean in means.items() if name not in (NONE, TRUE)
    }  # fmt: skip
    return {TRUE: about, **shares}


def chance_of(differences: FloatArray, seed: int = 0) -> float:
    """Probability of as large a sum of differences (N,) if the sign of each block were a coin's."""
    sums = np.add.reduceat(differences, np.arange(0, len(differences), BLOCK))
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (FLIPS, len(sums)))
    return float((np.abs(signs @ sums) >= abs(sums.sum()) * (1 - 1e-9)).mean())
