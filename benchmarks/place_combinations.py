"""Better similarities: of two methods, of several images in a row, by coarse labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from place_methods import LabelSource, Values
from place_sets import Shot

from semloc_ros.config import RetrieverConfig, SequenceConfig
from semloc_ros.retrieval import fusion, reranking
from semloc_ros.retrieval.sequences import OdometrySequence, local_contrast, sequence_scores
from semloc_ros.types import FloatArray, LabelMap

IN_A_ROW = 10  # images
WAY_M = 30.0  # that ten images of the street cover

Grids = tuple[LabelMap, FloatArray]  # of the database's images, and the weights of the labels


def hybrids(
    first: FloatArray, second: FloatArray, weight: float, cosines: bool
) -> dict[str, FloatArray]:
    """Up to three ways to make one of two similarities (Q, N), by name.

    `weight` is that of the first where both are normalized, and of the concatenation [√w a, √(1-w)
    b], whose cosine is the weighted sum of both, so that it needs cosines of both.
    """
    scaled = fusion.weighted(fusion.normalized(first), fusion.normalized(second), weight)
    found = {"weighted": scaled, "ranks": rank_fusion(first, second, weight)}
    if cosines:
        found["concatenated"] = fusion.weighted(
            np.asarray(first, np.float64), np.asarray(second, np.float64), weight
        )
    return found


def rank_fusion(first: FloatArray, second: FloatArray, weight: float) -> FloatArray:
    """Reciprocal ranks of both orders, as scores (Q, N)."""
    scores = np.zeros(first.shape)
    for row, both in enumerate(zip(first, second, strict=True)):
        orders = [np.argsort(-np.asarray(one), kind="stable") for one in both]
        rows, points = fusion.reciprocal_ranks(orders, (weight, 1 - weight))
        scores[row, rows] = points
    return scores


def in_a_row(similarity: Values, contrast: bool) -> FloatArray:
    """Scores (Q, N) by the ten last images of drives in step; SeqSLAM's local contrast if asked."""
    scores = local_contrast(similarity, IN_A_ROW) if contrast else fusion.normalized(similarity)
    return sequence_scores(scores, IN_A_ROW)


def along_the_way(
    similarity: Values, queries: Sequence[Shot], references: Sequence[Shot]
) -> FloatArray:
    """Scores (Q, N) by the images of the last 30 m, as odometry has it; -inf for what is not
    among the candidates of the retriever."""
    config = SequenceConfig()
    poses = np.stack([_known(one.map_from_camera) for one in references])
    angle = float(np.radians(config.near_deg))
    sequence = OdometrySequence(poses, WAY_M, config.step_m, config.near_m, angle)
    count = RetrieverConfig().candidates
    found = np.full(similarity.shape, -np.inf)
    for row, (scores, shot) in enumerate(zip(fusion.normalized(similarity), queries, strict=True)):
        best = np.argsort(-scores, kind="stable")[:count]
        views, total = sequence.add(_known(shot.odom_from_camera), best, scores[best])
        found[row, views] = total
    return found


def label_grids(shots: Sequence[Shot], source: LabelSource) -> Grids:
    """The coarse label maps (N, rows, columns) of shots."""
    ignored = np.isin(np.arange(source.count), source.dropped)
    grids = np.stack(
        [reranking.label_grid(source.read(one), source.count, ignored) for one in shots]
    )
    return grids, reranking.label_weights(grids, source.count)


def reranked(similarity: Values, queries: Grids, references: Grids, weight: float) -> FloatArray:
    """Normalized scores (Q, N) of which the candidates of the retriever are in a new order, by the
    agreement of labels; no other scores more than the last of them."""
    config = RetrieverConfig()
    found = fusion.normalized(similarity)
    for row, scores in enumerate(found.copy()):
        best = np.argsort(-scores, kind="stable")[: config.candidates]
        agreement = reranking.grid_agreement(
            queries[0][row], references[0][best], references[1], config.rerank_shift
        )
        again = reranking.reranked(scores[best], agreement, weight)
        np.minimum(scores, again.min(), out=found[row])
        found[row, best] = again
    return found


def _known(pose: FloatArray | None) -> FloatArray:
    assert pose is not None
    return pose
