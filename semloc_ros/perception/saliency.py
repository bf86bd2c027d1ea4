"""What of an image moves a pose network's answer: integrated gradients inside SmoothGrad.

Cimarelli et al. (AVSS 2019), section 5.3, equations 6 and 7, computed by captum: from a baseline
that shows nothing, the gradient is summed up on the straight way to the image (Sundararajan et
al., "Axiomatic Attribution for Deep Networks", ICML 2017), and that is averaged over noisy copies
of the image (Smilkov et al., "SmoothGrad", 2017).

A pose is not one number. For the position, the number is how far it comes along the straight line
from where the network puts the baseline to where it puts the image; so contributions are metres,
and their sum should be the length of that line (the axiom of completeness, which is checked). For
the rotation, it is the same in quaternions of length 1, with the sign that the network gives them:
one that is chosen would jump on the way, and what jumps has no gradient to add up.

The answer changes most in the first steps out of black, and its gradient is rough all along. So
the rule of equation 6 (`riemann_right`) misses the change by a bias that no mean over noisy images
takes away; the steps of `gausslegendre` are denser at both ends, and what they miss of single
images falls to both sides, so that the map, their mean, misses far less.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config.pose_study import SaliencyConfig
from semloc_ros.errors import EnvironmentFault, InputError, expected
from semloc_ros.networks.images import Normalization
from semloc_ros.types import FloatArray

if TYPE_CHECKING:
    import torch

PARTS = ("position", "rotation")
_POSITION = 3  # numbers of a pose that are its position
_NUMBERS = 7
# (B, 3, H, W) to (B, 7): x y z metres, qx qy qz qw
Poses = Callable[["torch.Tensor"], "torch.Tensor"]


@dataclass(frozen=True, slots=True)
class Saliency:
    """The contributions (H, W) of the pixels to a pose, in metres (or in quaternions), signed.

    `change` is by how much the network's answer to noisy images differs from that to the baseline,
    on average; `gap` is what the sum of the contributions misses of it, `worst_gap` the largest
    miss of one noisy image.
    """

    contributions: FloatArray
    change: float
    gap: float
    worst_gap: float

    @property
    def relative_gap(self) -> float:
        """The gap as a share of the change; infinite where nothing changes."""
        return abs(self.gap / self.change) if self.change else float("inf")

    @property
    def gap_of_all(self) -> float:
        """The gap as a share of all contributions regardless of sign; NaN if there are none.

        Contributions of both signs make a small change of much larger ones: where the change is
        next to nothing, the gap is a large share of it, however well they are known.
        """
        every = float(np.abs(self.contributions).sum())
        return abs(self.gap) / every if every else float("nan")

    def share_on(self, mask: NDArray[np.uint8]) -> float:
        """The share of all contributions, regardless of sign, that lies on a mask (H, W), 0 =
        static; NaN if there are none. InputError for another shape."""
        if mask.shape != self.contributions.shape:
            raise InputError(expected("mask", f"shape {self.contributions.shape}", mask.shape))
        weights = np.abs(self.contributions)
        return float(weights[mask != 0].sum() / weights.sum()) if weights.any() else float("nan")


def saliency(
    poses: Poses, planes: NDArray[np.float32], part: str, normalization: Normalization,
    config: SaliencyConfig | None = None, device: str = "cpu",
) -> Saliency:  # fmt: skip
    """What of the planes (3, H, W) of an image, as `normalization` says, makes a part of its pose.

    `poses` is a network in eval mode on `device`. Raises InputError for planes of another shape,
    for a part that is none of `PARTS`, and for an image whose answer is that of the baseline;
    EnvironmentFault where captum is not installed.
    """
    import torch

    config = config or SaliencyConfig()
    if part not in PARTS:
        raise InputError(expected("part", " or ".join(PARTS), repr(part)))
    if planes.ndim != 3 or planes.shape[0] != 3:
        raise InputError(expected("planes", "(3, H, W)", planes.shape))
    image = torch.from_numpy(np.ascontiguousarray(planes)).to(device)[None]
    baseline = baseline_planes(image, normalization, config.baseline)
    moved = _along(poses, part, image, baseline)
    noise = config.noise * float(image.max() - image.min())
    found, deltas = _by_captum(moved, image, baseline, noise, config)
    total, gaps = float(found.sum()), deltas.double()
    contributions = found[0].sum(0).double().cpu().numpy()
    gap = float(gaps.mean())
    return Saliency(contributions, total - gap, gap, float(gaps.abs().max()))


def baseline_planes(
    image: torch.Tensor, normalization: Normalization, baseline: str
) -> torch.Tensor:
    """An image that shows nothing, like the image (B, 3, H, W): `black`, or `mean`, which is 0."""
    import torch

    if baseline == "mean":
        return torch.zeros_like(image)
    mean, std = (
        torch.tensor(values, dtype=image.dtype, device=image.device)[:, None, None]
        for values in (normalization.mean, normalization.std)
    )
    return (-mean / std).expand_as(image).clone()


def _along(poses: Poses, part: str, image: torch.Tensor, baseline: torch.Tensor) -> Poses:
    """Images (B, 3, H, W) to (B,): how far their pose lies on the way from the baseline's."""
    import torch

    with torch.no_grad():
        ends = poses(torch.cat([baseline, image]))
    if ends.shape != (2, _NUMBERS):
        raise InputError(expected("poses", f"(B, {_NUMBERS})", tuple(ends.shape)))
    start, end = _numbers(ends[:1], part), _numbers(ends[1:], part)
    length = torch.linalg.norm(end - start)
    if not float(length) > 0:
        raise InputError(expected("image", f"another {part} than the baseline's", "the same"))
    way = (end - start)[0] / length
    return lambda images: (_numbers(poses(images), part) - start) @ way


def _numbers(poses: torch.Tensor, part: str) -> torch.Tensor:
    """Positions (B, 3), or quaternions (B, 4) of length 1."""
    import torch

    if part == "position":
        return poses[:, :_POSITION]
    return torch.nn.functional.normalize(poses[:, _POSITION:], dim=1)


def _by_captum(
    moved: Poses, image: torch.Tensor, baseline: torch.Tensor, noise: float, config: SaliencyConfig
) -> tuple[torch.Tensor, torch.Tensor]:
    """The contributions (1, 3, H, W), and for each noisy image what their sum misses (samples,)."""
    import torch

    try:
        from captum.attr import IntegratedGradients, NoiseTunnel
    except ModuleNotFoundError:
        raise EnvironmentFault(
            "captum is not installed: pip install 'semloc_ros[pose]'"
        ) from None
    with torch.random.fork_rng(devices=[image.device] if image.is_cuda else []):
        torch.manual_seed(config.seed)  # captum draws its noise from the global one
        found, deltas = NoiseTunnel(IntegratedGradients(moved)).attribute(
            image, nt_type="smoothgrad", nt_samples=config.samples, nt_samples_batch_size=1,
            stdevs=noise, baselines=baseline, n_steps=config.steps, method=config.rule,
            internal_batch_size=config.batch, return_convergence_delta=True,
        )  # fmt: skip
    return found.detach(), deltas.detach().cpu()
