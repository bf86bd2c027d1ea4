"""From an image, or its label map, to the descriptor of the place: one door to place networks, and
to what needs none."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import DescriberConfig
from semloc_ros.errors import ConfigError, InputError, expected
from semloc_ros.networks.manifest import find_model
from semloc_ros.networks.place_about import LABELS, PlaceAbout
from semloc_ros.networks.place_inputs import image_planes, label_planes
from semloc_ros.networks.row_backends import RowBackend, open_row_backend
from semloc_ros.perception import gradient_places
from semloc_ros.types import LabelMap


class Describer(Protocol):
    """What gives images descriptors of `dimensions` numbers, and length 1. Not thread-safe.

    `needs` says what it reads: "image" or "labels"; `about` what its network is, None without one.
    Only descriptors of the same `sha256` can be compared. `computed_by` says in words what
    computes.
    """

    name: str
    sha256: str
    about: PlaceAbout | None
    needs: str
    dimensions: int
    computed_by: str

    def describe(
        self,
        image: NDArray[np.uint8] | None,
        labels: LabelMap | None = None,
        mask: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.float32]:
        """The descriptor (D,) float32, of length 1, of an image (H, W, 3) RGB or (H, W), or of its
        label map (H, W): see `needs`, the other one may be None. What `mask` (H, W) calls dynamic
        (255) does not count.

        Raises InputError for what is missing or of another form, and for labels of another set.
        """
        ...

    def queries(
        self,
        image: NDArray[np.uint8] | None,
        labels: LabelMap | None = None,
        mask: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.float32]:
        """Descriptors (K, D) of what a map's view of the same place may show of the image, of which
        the most similar counts; the first is `describe`'s."""
        ...


class NetworkDescriber:
    """Descriptors of a place network; see `Describer`. `sha256` is that of its file of weights.

    `shifts`: shallow networks, whose planes are cells, look an image up as if the camera were
    turned by up to so many of them, too.
    """

    def __init__(self, backend: RowBackend[PlaceAbout], shifts: int = 0) -> None:
        self._backend = backend
        self._about, self.sha256 = backend.about, backend.sha256
        self.about: PlaceAbout | None = self._about
        self.name, self.dimensions = self._about.name, self._about.dimensions
        self.needs = "labels" if self._about.input == LABELS else "image"
        self.computed_by = backend.computed_by
        self._shifts = shifts if self._about.architecture == "shallow" else 0

    def describe(
        self,
        image: NDArray[np.uint8] | None,
        labels: LabelMap | None = None,
        mask: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.float32]:
        """See `Describer`."""
        return np.asarray(
            self._backend.rows(self._planes(image, labels, mask)[None])[0], np.float32
        )

    def queries(
        self,
        image: NDArray[np.uint8] | None,
        labels: LabelMap | None = None,
        mask: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.float32]:
        """See `Describer`."""
        planes = _shifted(self._planes(image, labels, mask), self._shifts)
        return np.asarray(self._backend.rows(planes), np.float32)

    def _planes(
        self, image: NDArray[np.uint8] | None, labels: LabelMap | None,
        mask: NDArray[np.uint8] | None,
    ) -> NDArray[np.float32]:
        if self.needs == "labels":
            return label_planes(labels, self._about, mask)
        if image is None:
            raise InputError(expected("image", f"one, which {self.name} reads", "none"))
        return image_planes(image, self._about, mask)


def _shifted(planes: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """Planes (P, h, w) as they are, and to both sides by up to `most` columns: (K, P, h, w). What
    comes in is 0, as what all columns have in common is to a grid."""
    width = planes.shape[2]
    found = np.zeros((2 * most + 1, *planes.shape), np.float32)
    found[0] = planes
    for number, by in enumerate(range(1, most + 1)):
        found[2 * number + 1, :, :, by:] = planes[:, :, : width - by]
        found[2 * number + 2, :, :, : width - by] = planes[:, :, by:]
    return found


def load_describer(model: str | Path, config: DescriberConfig | None = None) -> Describer:
    """The describer of a model by name (models/) or file (.safetensors or .onnx), or `gradients`,
    which needs no model (see `gradient_places`).

    Raises ModelError for a model that is not there, damaged or of another kind, ConfigError for
    options that do not fit it, EnvironmentFault for what the machine lacks.
    """
    config = config or DescriberConfig()
    if not str(model):
        raise ConfigError(expected("model", "the name or the file of a model of places", "''"))
    if str(model) == gradient_places.NAME:
        return gradient_places.GradientDescriber()
    path = find_model(Path(model).expanduser())
    backend = open_row_backend(
        path, PlaceAbout, config.backend, config.device, config.threads
    )
    return NetworkDescriber(backend, config.shifts)
