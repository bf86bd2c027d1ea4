"""What a camera makes of the light of a picture: exposure, gain, vignetting, noise, 8 bits.

The exposure follows the picture's own mean, as automatic ones do, but not all the way: dark
scenes stay darker. Time is used first, up to its limit; gain, which raises the noise, helps
from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from semloc_ros.config import SensorsConfig

_STRENGTH = 0.65  # share of the difference in brightness (in stops) that the exposure takes away
_BRIGHTEST = 400.0  # light beyond this does not close the aperture further
_DARKEST = 0.3  # factor of the shortest exposure
_DRAWS = 1 << 12
# As many equally likely values of a normal distribution: drawing among them is fast.
_NORMAL = np.array([NormalDist().inv_cdf((i + 0.5) / _DRAWS) for i in range(_DRAWS)], np.float32)
_NORMAL /= _NORMAL.std()


@dataclass(frozen=True, slots=True)
class Shutter:
    """How a camera exposes in one run: `reference_s` shows light of 1 as texture colours;
    `longest_s`; `brightness` mean grey level aimed at; `noise` factor on all noise."""

    reference_s: float
    longest_s: float
    brightness: float
    noise: float = 1.0


@dataclass(frozen=True, slots=True)
class Exposure:
    """`factor` on the light of the rendering = seconds / reference × `gain`, gain at least 1."""

    factor: float
    seconds: float
    gain: float


def meter(color: NDArray[np.float32], shutter: Shutter, max_gain: float) -> Exposure:
    """The exposure for a rendering (H, W, 3): light 0-255 and beyond."""
    mean = float(np.minimum(color[::4, ::4], np.float32(_BRIGHTEST)).mean(dtype=np.float64))
    wanted = max((shutter.brightness / max(mean, 1e-3)) ** _STRENGTH, _DARKEST)
    seconds = min(wanted * shutter.reference_s, shutter.longest_s)
    gain = min(max(wanted * shutter.reference_s / seconds, 1.0), max_gain)
    return Exposure(gain * seconds / shutter.reference_s, seconds, gain)


def develop(
    color: NDArray[np.float32],
    exposure: Exposure,
    noise: float,
    config: SensorsConfig,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """The picture (H, W, 3) uint8: vignetting, shot, read and row noise (all grown by the gain
    and by the factor `noise`), clipped to 8 bits."""
    height, width = color.shape[:2]
    y, x = (np.square(np.linspace(-1, 1, size)) for size in (height, width))
    # Shot noise: a grey level stands for 1 / gain as many photons. Read noise is amplified.
    read, shot = 0.35 * exposure.gain**2, 0.65 / 128 * exposure.gain
    strength = (noise * config.image_noise) ** 2
    rows = np.asarray(rng.standard_normal(height) * noise * exposure.gain * config.row_noise)
    about = (exposure.factor, config.vignetting / 2, strength * read, strength * shot)
    picture = np.empty(color.shape, dtype=np.uint8)
    seed = rng.integers(0, 1 << 63, dtype=np.uint64)
    _develop(
        color, x.astype(np.float32), y.astype(np.float32), np.array(about, np.float32),
        rows.astype(np.float32), seed, _NORMAL, picture,
    )  # fmt: skip
    return picture


@njit(cache=True, nogil=True, fastmath={"contract", "afn"})
def _develop(
    color: Any, x: Any, y: Any, about: Any, rows: Any, seed: Any, normal: Any, out: Any
) -> None:
    """`x` (W,) and `y` (H,) squares of the place, `about` (factor, falloff, variance and its growth
    per grey level), `rows` (H,) noise of the rows."""
    factor, falloff, read, shot = about
    white, zero, half = np.float32(255), np.float32(0), np.float32(0.5)
    for v in range(color.shape[0]):
        for u in range(color.shape[1]):
            # A random number per pixel (Steele et al. 2014, "SplitMix"), 12 bits for each channel.
            bits = seed + np.uint64(v * color.shape[1] + u) * np.uint64(0x9E3779B97F4A7C15)
            bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            bits ^= bits >> np.uint64(31)
            gain = factor - factor * falloff * (x[u] + y[v])
            for c in range(3):
                light = min(max(color[v, u, c] * gain, zero), white)
                drawn = normal[(bits >> np.uint64(16 * c)) & np.uint64(0xFFF)]
                light += np.sqrt(read + shot * light) * drawn + rows[v]
                out[v, u, c] = np.uint8(min(max(light, zero), white) + half)
