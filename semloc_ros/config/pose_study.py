"""How pose networks with and without masks are compared. The defaults of saliency are those of
Cimarelli et al., AVSS 2019, section 5.3."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.options import option, section

BASELINES = ("black", "mean")
RULES = ("gausslegendre", "riemann_middle", "riemann_right", "riemann_left", "riemann_trapezoid")


@dataclass(frozen=True, slots=True)
class SaliencyConfig:
    """Integrated gradients inside SmoothGrad."""

    steps: int = option(40, "of the integral from the baseline to the image", low=2, high=10_000)
    rule: str = option(
        "gausslegendre", "where the steps are and how they count, as captum calls it; the paper's "
        "is riemann_right", choices=RULES,
    )  # fmt: skip
    samples: int = option(
        35, "noisy images that are averaged; four times as many halve the gap", low=1, high=10_000
    )
    noise: float = option(
        0.1, "standard deviation of the noise, share of the image's range", low=0.0, high=10.0
    )
    baseline: str = option(
        "black", "image that shows nothing: black, or the data set's mean, which masked pixels "
        "have too", choices=BASELINES,
    )
    batch: int = option(40, "images that the network takes at once", low=1, high=10_000)
    largest_gap: float = option(
        0.01, "share of a map's sum by which it may miss what the network changes by; said beyond",
        low=0.0, high=10.0,
    )  # fmt: skip
    seed: int = option(0, "of the noise", low=0, high=2**31 - 1)


@dataclass(frozen=True, slots=True)
class PoseStudyConfig:
    """Training and test with and without masks: UT/UT, UT/MT, MT/UT and MT/MT."""

    confidence: float = option(0.95, "probability of the intervals", low=0.5, high=0.999)
    resamples: int = option(2000, "samples of the bootstrap", low=100, high=100_000)
    block_images: int = option(
        10, "images that are drawn together, as neighbours err alike", low=1, high=10_000
    )
    seed: int = option(0, "of the bootstrap", low=0, high=2**31 - 1)
    masked_shares: str = option(
        "0.05 0.15 0.35", "bounds of the groups of images, by their share of masked pixels"
    )
    pictures: int = option(
        3, "test images whose saliency is drawn, from the one most covered by masks to the least; "
        "0: none", low=0, high=100,
    )  # fmt: skip
    saliency: SaliencyConfig = section(SaliencyConfig)
