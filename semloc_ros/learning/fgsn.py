"""Training of fine-grained segmentation networks: Larsson et al., ICCV 2019, section 3.

Features of the reference images are clustered; the clusters are the labels of the reference
images (L_class), and the label of a point in the reference image is that of the same point in
the target image (L_corr).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import Dataset

from semloc_ros.config.learning import FgsnTrainingConfig
from semloc_ros.errors import DatasetError, expected
from semloc_ros.learning import losses, pairs
from semloc_ros.learning.clustering import Clusters, find_clusters
from semloc_ros.networks.images import IMAGENET, Normalization, to_tensor
from semloc_ros.networks.segmentation import SegmentationNetwork
from semloc_ros.types import FloatArray, ImagePair

_FIXED = 1 << 40  # numbers of samples for validation: far from those that are drawn to train on


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference image, and the points (N, 2) of it that are seen in any target image."""

    name: str
    read: Callable[[], NDArray[np.uint8]]
    points: FloatArray


def references(of: Sequence[ImagePair]) -> list[Reference]:
    """The reference images of pairs, each once, by name."""
    grouped: dict[str, list[ImagePair]] = {}
    for pair in of:
        grouped.setdefault(pair.name_a, []).append(pair)
    return [
        Reference(name, same[0].read_a, np.concatenate([pair.points_a for pair in same]))
        for name, same in sorted(grouped.items())
    ]


class FgsnProgram:
    """See `loop.Program`. `seed` draws clusters, crops and last layers."""

    keep_optimizer = False

    def __init__(
        self, network: SegmentationNetwork, split: pairs.Split, config: FgsnTrainingConfig,
        seed: int, normalization: Normalization = IMAGENET,
    ) -> None:  # fmt: skip
        self.network = network
        self.restart = config.recluster_every
        self._split, self._config, self._seed = split, config, seed
        self._normalization = normalization
        self._learned = references(split.training)
        self._kept = references(split.validation)
        self._labels: dict[str, NDArray[np.int64]] = {}

    @property
    def labels(self) -> dict[str, NDArray[np.int64]]:
        """The labels (h, w) of the reference images since the last start, by name."""
        return self._labels

    def start(self, number: int, device: torch.device) -> None:
        """Cluster the features of the training references, label all references, and restart the
        last layers."""
        self.network.to(device).eval()
        rng = np.random.default_rng([self._seed, number])
        chosen = [self._chosen_features(one, rng, device) for one in self._learned]
        config = self._config
        clusters = find_clusters(
            np.concatenate(chosen), config.clusters, config.dimensions, config.rounds,
            int(rng.integers(2**31)),
        )  # fmt: skip
        self._labels = {
            one.name: self._assigned(one, clusters, device) for one in self._learned + self._kept
        }
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        self.network.restart_classifier(config.clusters, generator)
        self.network.to(device)

    def samples(self) -> Dataset[Any]:
        """Cut pairs of the training set, each as often as every other."""
        return PairSamples(
            self._split.training, self._labels, self._config, self._seed, self._normalization,
            self.network.stride,
        )  # fmt: skip

    def losses(self, network: nn.Module, batch: Any) -> dict[str, torch.Tensor]:
        """L_class + L_corr, of the main and the auxiliary head."""
        size = len(batch["reference"])
        scores = network(torch.cat([batch["reference"], batch["target"]]))
        of_class, of_corr = self._of_head(scores.logits, batch, size)
        total = of_class + self._config.correspondence_weight * of_corr
        if scores.auxiliary is not None:
            aside = self._of_head(scores.auxiliary, batch, size)
            both = aside[0] + self._config.correspondence_weight * aside[1]
            total = total + self._config.training.auxiliary_weight * both
        return {"loss": total, "class": of_class, "corr": of_corr}

    def validate(self, device: torch.device) -> dict[str, float]:
        """The means of both losses; the score is L_corr. Raises DatasetError if no point of the
        pairs lies in their images: nothing would be learned from them."""
        samples = PairSamples(
            self._split.validation, self._labels, self._config, self._seed + 1,
            self._normalization, self.network.stride, _FIXED,
        )  # fmt: skip
        count = min(self._config.training.validation_samples, len(self._split.validation))
        found, points = [], 0
        for number in range(count):
            one = {key: value[None].to(device) for key, value in samples[number].items()}
            points += int((one["point_labels"] != losses.IGNORED).sum())
            scores = self.network(torch.cat([one["reference"], one["target"]]))
            losses_of = self._of_head(scores.logits, one, 1)
            found.append([float(value.detach()) for value in losses_of])
        if not points:
            wanted = "points that lie in both images"
            raise DatasetError(expected("pairs for validation", wanted, f"none in {count} pairs"))
        of_class, of_corr = np.mean(found, axis=0)
        return {"score": float(of_corr), "class": float(of_class), "corr": float(of_corr)}

    def state(self) -> dict[str, torch.Tensor]:
        """The labels of the references."""
        return {name: torch.from_numpy(labels) for name, labels in self._labels.items()}

    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        """Labels, and last layers of their size. Raises DatasetError for those of other images."""
        missing = {one.name for one in self._learned + self._kept} - set(state)
        if missing:
            raise DatasetError(expected("images with labels", min(missing), "those of other pairs"))
        self._labels = {name: labels.numpy() for name, labels in state.items()}
        self.network.restart_classifier(self._config.clusters, torch.Generator())

    def _of_head(
        self, scores: torch.Tensor, batch: Any, size: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        reference, target = scores[:size], scores[size:]
        return losses.class_loss(reference, batch["labels"]), losses.correspondence_loss(
            reference, target, batch["points_a"], batch["points_b"], batch["point_labels"],
            self.network.stride,
        )

    def _features(
        self, image: NDArray[np.uint8], device: torch.device
    ) -> NDArray[np.float32]:
        """Features (h, w, D) of an image."""
        with torch.no_grad():
            one = to_tensor(image, self._normalization)[None].to(device)
            found = self.network.features(one)[0].permute(1, 2, 0).float().cpu().numpy()
        return np.ascontiguousarray(found)

    def _chosen_features(
        self, one: Reference, rng: np.random.Generator, device: torch.device
    ) -> NDArray[np.float32]:
        """Half at correspondences, half anywhere (N, D)."""
        features = self._features(one.read(), device)
        numbers = np.arange(features.shape[0] * features.shape[1]).reshape(features.shape[:2])
        half = self._config.features_per_image // 2
        at_points = pairs.labels_at(numbers, one.points, self.network.stride)
        flat = features.reshape(-1, features.shape[2])
        anywhere = rng.choice(len(flat), min(half, len(flat)), replace=False)
        seen = rng.permutation(at_points)[:half]
        return np.asarray(flat[np.sort(np.concatenate([seen, anywhere]))])

    def _assigned(
        self, one: Reference, clusters: Clusters, device: torch.device
    ) -> NDArray[np.int64]:
        features = self._features(one.read(), device)
        return clusters.assign(features.reshape(-1, features.shape[2])).reshape(features.shape[:2])


class PairSamples(Dataset[Any]):
    """Sample n is a pair cut by chance of (seed, n); each epoch has each pair once."""

    def __init__(
        self, of: Sequence[ImagePair], labels: dict[str, NDArray[np.int64]],
        config: FgsnTrainingConfig, seed: int, normalization: Normalization, stride: int,
        offset: int = 0,
    ) -> None:  # fmt: skip
        self._pairs, self._labels, self._config = of, labels, config
        self._seed, self._offset = seed, offset
        self._normalization, self._stride = normalization, stride

    def __len__(self) -> int:
        return _FIXED

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        """Images (3, S, S), labels (s, s) of s = ceil(S / stride), points (N, 2), theirs (N,)."""
        epoch, place = divmod(number, len(self._pairs))
        order = np.random.default_rng([self._seed, epoch]).permutation(len(self._pairs))
        pair = self._pairs[order[place]]
        rng = np.random.default_rng([self._seed, self._offset + number])
        config = self._config
        cut = pairs.cut_pair(
            pair, self._labels[pair.name_a], config.training.crop_px, self._stride,
            config.points_per_pair, losses.IGNORED, rng,
        )  # fmt: skip
        images = {
            name: to_tensor(getattr(cut, name), self._normalization)
            for name in ("reference", "target")
        }
        rest = ("labels", "points_a", "points_b", "point_labels")
        return {**images, **{name: torch.from_numpy(getattr(cut, name)) for name in rest}}


def stationary(
    program: FgsnProgram, split: pairs.Split, ratio: float
) -> tuple[bool, ...]:
    """Which labels stay where they are: p_c(c) / p_p(c) > `ratio` (supplement C.2), from the
    labels of the training references."""
    count = program.network.num_labels
    in_points, in_pixels = np.zeros(count), np.zeros(count)
    for one in references(split.training):
        labels = program.labels[one.name]
        at_points = pairs.labels_at(labels, one.points, program.network.stride)
        in_points += np.bincount(at_points, minlength=count)
        in_pixels += np.bincount(labels.ravel(), minlength=count)
    shares = in_points / max(in_points.sum(), 1), in_pixels / max(in_pixels.sum(), 1)
    return tuple((shares[0] > ratio * shares[1]).tolist())

