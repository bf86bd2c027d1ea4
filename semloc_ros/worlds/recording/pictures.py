"""What a camera makes of the light of a picture: exposure, gain, vignetting, noise, 8 bits.

The exposure follows the picture's own mean, as automatic ones do, but not all the way: dark
scenes stay darker. Time is used first, up to its limit; gain, which raises the noise, helps
from there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import SensorsConfig

_STRENGTH = 0.65  # share of the difference in brightness (in stops) that the exposure takes away
_BRIGHTEST = 400.0  # light beyond this does not close the aperture further
_DARKEST = 0.3  # factor of the shortest exposure


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
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    falloff = exposure.factor * (1 - config.vignetting / 2 * (x * x + y * y))
    light = np.clip(color * falloff[:, :, None].astype(np.float32), 0, 255)
    # Shot noise: a grey level stands for 1 / gain as many photons. Read noise is amplified.
    read, shot = 0.35 * exposure.gain**2, 0.65 / 128 * exposure.gain
    sigma = np.float32(noise * config.image_noise) * np.sqrt(
        np.float32(read) + np.float32(shot) * light
    )
    sigma *= rng.standard_normal(light.shape, dtype=np.float32)
    light += sigma
    rows = rng.standard_normal((height, 1, 1), dtype=np.float32)
    light += np.float32(noise * exposure.gain * config.row_noise) * rows
    np.rint(light, out=light)
    return np.asarray(np.clip(light, 0, 255, out=light), dtype=np.uint8)
