"""Image pairs of two recordings of one place, found through a map."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.config.localization import LocalizerConfig
from semloc_ros.options import option, section


@dataclass(frozen=True, slots=True)
class CorrespondencesConfig:
    """Which images make a pair, and which points of the map are taken for theirs."""

    distance_m: float = option(
        2.0, "the two cameras are no farther apart", unit="m", low=0.01, high=50
    )
    angle_deg: float = option(
        20.0, "nor turned against each other by more", unit="deg", low=0.1, high=90
    )
    points: str = option(
        "either",
        "of the map: matched by features in both images; in at least one, and projected into the "
        "other; or all that should be seen in both, projected where not matched",
        choices=("both", "either", "all"),
    )
    least_points: int = option(30, "pairs with fewer are left out", low=1, high=10_000)
    jpeg_quality: int = option(95, "of the images that are written", low=10, high=100)
    localizer: LocalizerConfig = section(LocalizerConfig)
