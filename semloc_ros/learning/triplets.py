"""Which images show one place, and which triplets teach most (Arandjelovic et al., CVPR 2016).

Positives are near, in view of each other, and of another run; the one nearest in descriptor space
is taken (section 4 there). Negatives are far, or of another world; those nearest in descriptor
space among some drawn by chance are taken (appendix A). Descriptors are those of a cache.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from semloc_ros.config.places_learning import PairingConfig
from semloc_ros.learning.place_views import PlaceView
from semloc_ros.types import FloatArray

_WORLD_APART_M = 1e7  # between the coordinates of two worlds, more than any option allows


class Geometry:
    """Where V images are, and which of them show one place.

    `positions` (V, 3) float64 metres, different worlds far apart; `runs` (V,) numbers of
    `run_names`.
    """

    def __init__(self, views: Sequence[PlaceView], config: PairingConfig) -> None:
        worlds = np.array([view.world for view in views], np.float64)
        self.positions: FloatArray = np.stack([view.position for view in views])
        self.positions[:, 2] += worlds * _WORLD_APART_M
        self._directions = np.stack([view.direction for view in views])
        names = {name: number for number, name in enumerate(sorted({one.run for one in views}))}
        self.run_names = tuple(names)
        self.runs: NDArray[np.int64] = np.array([names[one.run] for one in views], np.int64)
        self._config = config

    def __len__(self) -> int:
        return len(self.positions)

    def positives(self) -> list[NDArray[np.int64]]:
        """Per image the rows of those of other runs that show its place, ascending."""
        from scipy.spatial import cKDTree

        tree = cKDTree(self.positions)
        near = tree.query_ball_point(self.positions, self._config.positive_m)
        return [
            self._seen_by(row, np.sort(np.array(one, np.int64))) for row, one in enumerate(near)
        ]

    def far(self, row: int, others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of `others` (N,) are other places than that of image `row`."""
        distances = np.linalg.norm(self.positions[others] - self.positions[row], axis=1)
        return np.asarray(distances > self._config.negative_m)

    def _seen_by(self, row: int, near: NDArray[np.int64]) -> NDArray[np.int64]:
        near = near[self.runs[near] != self.runs[row]]
        return near[in_view(
            self.positions[row], self._directions[row], self.positions[near],
            self._directions[near], self._config,
        )]  # fmt: skip


def in_view(
    position: FloatArray, direction: FloatArray, positions: FloatArray, directions: FloatArray,
    config: PairingConfig,
) -> NDArray[np.bool_]:  # fmt: skip
    """Which of N images (`positions`, `directions` (N, 3)) show what one image (3,) shows.

    They look in nearly one direction, and what is in the middle of either, `view_m` ahead, is in
    the field of view of the other. Where a direction is not known (NaN) the answer is yes.
    """
    known = ~np.isnan(directions).any(axis=1) & ~np.isnan(direction).any()
    agree = directions @ direction >= np.cos(np.radians(config.heading_deg)) - 1e-9
    ahead = position + config.view_m * direction - positions
    theirs = positions + config.view_m * directions - position
    least = np.cos(np.radians(config.field_deg / 2)) - 1e-9
    overlap = (_cosine(ahead, directions) >= least) & (_cosine(theirs, direction) >= least)
    return np.asarray(~known | (agree & overlap))


def _cosine(vectors: FloatArray, unit: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(vectors, axis=1)
    return np.asarray((vectors * unit).sum(axis=1) / np.maximum(lengths, 1e-9))


def mine(
    query: int, positives: NDArray[np.int64], geometry: Geometry, cache: NDArray[np.float32],
    negatives: int, pool: int, rng: np.random.Generator,
) -> NDArray[np.int64]:  # fmt: skip
    """Rows (2 + negatives,) of a tuple: the query, the best positive, the hardest negatives.

    The positive is of a run drawn by chance, else it would always be the one whose conditions
    are most alike. `cache` (V, D) are the descriptors of all images. Where too few of the `pool`
    are far enough the hardest are repeated; the query stands for itself if none is.
    """
    runs = geometry.runs[positives]
    of_run = positives[runs == rng.choice(np.unique(runs))]
    best = of_run[np.argmax(cache[of_run] @ cache[query])]
    drawn = rng.permutation(len(cache))[:pool]
    drawn = drawn[geometry.far(query, drawn)]
    if not len(drawn):
        drawn = np.array([query])
    hardest = drawn[np.argsort(-(cache[drawn] @ cache[query]), kind="stable")[:negatives]]
    return np.concatenate([[query, best], np.resize(hardest, negatives)])


def triplet_loss(
    descriptors: torch.Tensor, positions: torch.Tensor, margin: float, negative_m: float,
    whole_batch: bool,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """The sum over negatives of max(0, margin + d²(q, p) - d²(q, n)), mean over tuples (eq. 7).

    `descriptors` (B, T, D) of length 1 and `positions` (B, T, 3) of tuples as of `mine`. With
    `whole_batch` the images of other tuples that are farther than `negative_m` are negatives
    too. Also returns the share of negatives that are still too near.
    """
    cosines, to_positive, used = _compared(descriptors, positions, negative_m, whole_batch)
    # squared distances of vectors of length 1 are 2 - 2 cosine
    short = (margin + 2.0 * (cosines - to_positive)).clamp(min=0.0) * used
    missed = (short > 0).sum() / used.sum().clamp(min=1)
    return short.sum(1).mean(), missed


def softmax_loss(
    descriptors: torch.Tensor, positions: torch.Tensor, temperature: float, negative_m: float,
    whole_batch: bool,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """Cross-entropy of finding the positive among the same negatives by cosines over the
    temperature (InfoNCE, van den Oord et al., 2018): a smooth triplet loss, in which the nearest
    negatives count most. Arguments as of `triplet_loss`; also returns the share of negatives that
    are nearer than the positive."""
    cosines, to_positive, used = _compared(descriptors, positions, negative_m, whole_batch)
    scores = torch.cat([to_positive, cosines.masked_fill(~used, -torch.inf)], 1) / temperature
    missed = ((cosines > to_positive) & used).sum() / used.sum().clamp(min=1)
    return (scores.logsumexp(1) - scores[:, 0]).mean(), missed


def _compared(
    descriptors: torch.Tensor, positions: torch.Tensor, negative_m: float, whole_batch: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Cosines of queries with all images (B, B T), with their positives (B, 1), and which of the
    former are negatives (B, B T)."""
    tuples, members, _ = descriptors.shape
    query, positive = descriptors[:, 0], descriptors[:, 1]
    own = torch.arange(tuples * members, device=query.device) // members
    mine_ = own[None] == torch.arange(tuples, device=query.device)[:, None]
    apart = torch.linalg.vector_norm(positions[:, :1] - positions.flatten(0, 1)[None], dim=2)
    used = apart > negative_m
    if not whole_batch:
        used = used & mine_
    return query @ descriptors.flatten(0, 1).T, (query * positive).sum(1, keepdim=True), used
