"""How masks of what moves are mined from clips of a camera that stands still.

`paper` is the published method (Zhou et al., "Dynamic Objects Segmentation for Visual Localization
in Urban Environments", section III-B); the defaults are ours. What the paper leaves open (the
difference of colours, size and shape of superpixels, the least component) has one value for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from semloc_ros.options import option, section


@dataclass(frozen=True, slots=True)
class VotingConfig:
    """The five steps of the paper."""

    share: float = option(
        0.65, "tau_c: a pixel is dynamic if it differs from more than this share of all frames",
        low=0.0, high=0.999,
    )
    superpixels: int = option(
        4000, "about how many there are in an image", low=10, high=1_000_000
    )
    compactness: float = option(
        20.0, "of superpixels: larger is squarer, smaller follows colours", low=0.01, high=1000.0
    )
    superpixel_share: float = option(
        0.05, "a superpixel with more than this share of dynamic pixels is dynamic", low=0.0,
        high=0.999,
    )
    dilation_px: int = option(
        5, "width and height of dilation and erosion", unit="px", low=1, high=101
    )


@dataclass(frozen=True, slots=True)
class CameraCheckConfig:
    """Whether the camera stood still, and what is done where it did not."""

    enabled: bool = option(True, "look whether the camera stood still")
    stabilise: bool = option(True, "bring frames into one view; without, a moved camera is refused")
    still_px: float = option(
        0.5, "a camera whose picture never shifts by more stands still", unit="px", low=0.01,
        high=100.0,
    )
    least_inliers: float = option(
        0.25, "share of tracked corners that move together, in a frame of the same view",
        low=0.001, high=1.0,
    )


@dataclass(frozen=True, slots=True)
class BackgroundConfig:
    """The scene without what moves, and what is told by it."""

    frames: int = option(
        100, "of the clip, evenly spread, that the background is made of", low=3, high=10_000
    )
    threshold: int = option(
        20, "a pixel differs if a colour does by more", unit="levels", low=1, high=254
    )
    shadows: bool = option(True, "what is evenly darker than the background is its shadow: static")
    standing: bool = option(True, "what looks the same for a part of the clip stood: unsure")
    standing_share: float = option(
        0.15, "the part of the clip", low=0.001, high=1.0
    )
    unsure_edges: bool = option(True, "pixels beside the edge of a mask, and shadows, are unsure")


@dataclass(frozen=True, slots=True)
class MiningConfig:
    """Masks of what moves, from a clip of a static camera."""

    queries: int = option(5, "frames of the clip that get a mask", low=1, high=100_000)
    evidence: str = option(
        "background", "how pixels are judged: votes of all frames (paper), or the background",
        choices=("votes", "background"),
    )
    difference: str = option(
        "strongest", "of two colours: that of their brightness, or the largest of red, green, blue",
        choices=("brightness", "strongest"),
    )
    light: bool = option(True, "changes of the light are taken out, by one gain per colour")
    least_share: float = option(
        0.0005, "of an image: smaller components are noise", low=0.0, high=0.5
    )
    voting: VotingConfig = section(VotingConfig)
    camera: CameraCheckConfig = section(CameraCheckConfig)
    background: BackgroundConfig = section(BackgroundConfig)


MINING_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "paper": {"evidence": "votes", "light": False, "camera": {"enabled": False}},
}
