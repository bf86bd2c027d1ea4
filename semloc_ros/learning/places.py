"""Training of place descriptors: triplets, the best positive and hard negatives from a cache of all
descriptors that is made anew every so many steps (Arandjelovic et al., CVPR 2016)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import Dataset

from semloc_ros.config.places_learning import PlacesTrainingConfig
from semloc_ros.errors import DatasetError, expected
from semloc_ros.learning.place_pictures import Pictures, describe
from semloc_ros.learning.place_recall import judged, searches_of
from semloc_ros.learning.place_start import start_network
from semloc_ros.learning.triplets import Geometry, mine, softmax_loss, triplet_loss
from semloc_ros.networks.places import PlaceNetwork

_ENDLESS = 1 << 40


class PlaceProgram:
    """See `loop.Program`. `seed` draws tuples and changes. `knows` says that the network was
    trained before: it begins as it is."""

    keep_optimizer = True

    def __init__(
        self, network: PlaceNetwork, training: Pictures, validation: Pictures,
        config: PlacesTrainingConfig, seed: int, knows: bool = False,
    ) -> None:  # fmt: skip
        self.network, self.restart = network, config.refresh_every
        self._training, self._validation = training, validation
        self._config, self._seed, self._knows = config, seed, knows
        self._geometry = Geometry(training.views, config.pairing)
        self._positives = self._geometry.positives()
        if not any(map(len, self._positives)):
            raise DatasetError(expected("training", "places that two runs show", "none"))
        everything = np.arange(len(self._geometry))
        if not any(self._geometry.far(row, everything).any() for row in everything.tolist()):
            wanted = f"images more than {config.pairing.negative_m:g} m apart (pairing.negative_m)"
            raise DatasetError(expected("training", wanted, "one place alone"))
        held_out = Geometry(validation.views, config.pairing)
        self._searches = searches_of(held_out, config.training.validation_samples)
        self._cache = np.zeros((0, network.dimensions), np.float32)

    def start(self, number: int, device: torch.device) -> None:
        """The descriptors of all training images; the first time, also where the network begins."""
        self.network.to(device).eval()
        if number == 0 and not self._knows:
            count = self._config.centre_features
            start_network(self.network, self._training, count, self._seed, device)
        self._cache = describe(self._training, self.network, device)

    def samples(self) -> Dataset[Any]:
        """Tuples, mined among the descriptors of the last start."""
        return TripletSamples(
            self._training, self._geometry, self._positives, self._cache, self._config, self._seed
        )

    def losses(self, network: nn.Module, batch: Any) -> dict[str, torch.Tensor]:
        """The loss, and the share of negatives that are too near for it."""
        planes, positions = batch
        descriptors = network(planes.flatten(0, 1)).float()
        config = self._config
        shape = descriptors.view(*planes.shape[:2], -1), positions
        rest = config.pairing.negative_m, config.batch_negatives
        if config.loss == "softmax":
            loss, missed = softmax_loss(*shape, config.temperature, *rest)
        else:
            loss, missed = triplet_loss(*shape, config.margin, *rest)
        return {"loss": loss, "missed": missed}

    def validate(self, device: torch.device) -> dict[str, float]:
        """What `place_recall.judged` says of held-out places; the score is 1 - recall at 1."""
        found = describe(self._validation, self.network, device)
        scores = [found[one.queries] @ found[one.database].T for one in self._searches]
        recalls = judged(self._searches, scores)
        return {"score": 1.0 - recalls["recall"], **recalls}

    def state(self) -> dict[str, torch.Tensor]:
        """The cache."""
        return {"descriptors": torch.from_numpy(self._cache)}

    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        """The cache that was saved."""
        self._cache = state["descriptors"].numpy()


class TripletSamples(Dataset[Any]):
    """Sample n is a tuple drawn by chance of (seed, n); each epoch has each image that shows a
    place of another run once as the query."""

    def __init__(
        self, pictures: Pictures, geometry: Geometry, positives: list[NDArray[np.int64]],
        cache: NDArray[np.float32], config: PlacesTrainingConfig, seed: int,
    ) -> None:  # fmt: skip
        self._pictures, self._geometry, self._positives = pictures, geometry, positives
        self._queries = np.flatnonzero([len(one) > 0 for one in positives])
        self._cache, self._config, self._seed = cache, config, seed

    def __len__(self) -> int:
        return _ENDLESS

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Planes (T, P, H, W) of query, positive and negatives, and where they are (T, 3)."""
        epoch, place = divmod(number, len(self._queries))
        order = np.random.default_rng([self._seed, epoch]).permutation(len(self._queries))
        query = int(self._queries[order[place]])
        rng = np.random.default_rng([self._seed, 1, number])
        rows = mine(
            query, self._positives[query], self._geometry, self._cache,
            self._config.negatives, self._config.negative_pool, rng,
        )  # fmt: skip
        changes = self._config.changes
        mirrored = changes.mirror and rng.random() < 0.5
        planes = [
            self._pictures.changed(row, changes, mirrored, rng) for row in rows.tolist()
        ]
        positions = torch.from_numpy(self._geometry.positions[rows])
        return torch.from_numpy(np.stack(planes)), positions
