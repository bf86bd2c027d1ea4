"""How what is dynamic in an image is found by a network, and what is made of it."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.config.backends import BackendConfig
from semloc_ros.options import option


@dataclass(frozen=True, slots=True)
class DynamicConfig(BackendConfig):
    """From an image to its dynamic objects, and to the mask that others use."""

    # below a half: what is masked in vain costs a feature, what is missed may cost the pose
    score: float = option(0.3, "an object counts from this score on", low=0.0, high=1.0)
    mask_threshold: float = option(
        0.35, "a pixel is the object's from this probability on", low=0.0, high=1.0
    )
    classes: str = option(
        "", "names of the classes that are dynamic, commas between; empty: as the model says"
    )
    short_side: int = option(
        0, "images are resized to this height or width, whichever is less; 0: as the model says",
        unit="px", low=0, high=4096,
    )
    min_area: float = option(
        0.0001, "smaller objects do not count; share of the image's pixels", low=0.0, high=1.0
    )
    dilation: float = option(
        0.006, "masks are wider by this, all round; share of the image's width", low=0.0, high=0.1,
        live=True,
    )
    mask_max_fraction: float = option(
        0.7, "no more of an image is masked: objects of low score are left out, then all",
        low=0.0, high=1.0, live=True,
    )
