"""Relief of rough surfaces: what is seen of it depends on where the light comes from.

Much of the fine pattern of plaster, stone and joints is no colour but shading of its unevenness:
sun from the left, an overcast sky or a street lamp draw it differently. A surface of slopes
(a, b) = (dh/dx, dh/dy), seen in the frame of its wall (x right, y up, height h towards the
viewer), has to first order the brightness 1 - (a, b) . slant of the flat one under Lambert's law,
where `slant` = (irradiance-weighted direction of the light along the wall) / (its part straight
at the wall).
"""

from __future__ import annotations

import cv2
import numpy as np

from semloc_ros.worlds.textures.noise import Field, Size, fractal_noise, smooth_noise

Slant = tuple[float, float]  # along the wall to the right, and up
OPEN_SKY: Slant = (0.0, 0.8)  # no sun: the light of the sky's visible half comes from above
_DARKEST, _BRIGHTEST = 0.35, 1.9
_JOINT_DEPTH = 0.006  # metres
# mean slope of grain of one or two texels, and of dents some decimetres wide
_ROUGHNESS = {"plaster": (0.07, 0.03), "stone": (0.09, 0.03), "brick": (0.08, 0.015),
              "concrete": (0.04, 0.015)}  # fmt: skip
_STEEPEST = 1.6  # the sun along a wall: beyond, one dent shades the next


def shading(
    style: str, size: Size, rng: np.random.Generator, scale: float, slant: Slant,
    joints: Field | None = None, lean: tuple[Field, Field] | None = None,
) -> Field:  # fmt: skip
    """Factor (H, W) on the colour of a wall lit from `slant`.

    `joints` (H, W) in [0, 1] are cut `_JOINT_DEPTH` deep; `lean` are slopes (H, W) to the right
    and up of faces that are not flush. `scale` is texels per metre: a coarser texture shows the
    slopes of larger dents only.
    """
    fine, dents = _ROUGHNESS[style]
    fading = min(1.0, scale / 30.0)
    along = fine * fading * smooth_noise(size, rng, (1.5, 1.5))
    up = fine * fading * smooth_noise(size, rng, (1.5, 1.5))
    waves = fractal_noise(size, rng, 0.25 * scale, 3, 0.8)
    for height, gain in ((waves, dents * 0.06 * scale), *_cuts(joints, scale)):
        along += gain * np.gradient(height, axis=1).astype(np.float32)
        up -= gain * np.gradient(height, axis=0).astype(np.float32)
    if lean is not None:
        along, up = along + lean[0], up + lean[1]
    ease = min(1.0, _STEEPEST / max(float(np.hypot(*slant)), 1e-9))
    factor = 1.0 - ease * (along * np.float32(slant[0]) + up * np.float32(slant[1]))
    return np.asarray(np.clip(factor, _DARKEST, _BRIGHTEST), dtype=np.float32)


def _cuts(joints: Field | None, scale: float) -> list[tuple[Field, float]]:
    if joints is None:
        return []
    soft = np.asarray(cv2.GaussianBlur(joints, (3, 3), 0.7), dtype=np.float32)
    return [(soft, -_JOINT_DEPTH * scale)]
