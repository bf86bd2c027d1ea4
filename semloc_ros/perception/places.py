"""From an image, or its label map, to the descriptor of the place: one door to place networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import DescriberConfig
from semloc_ros.errors import ConfigError, InputError, expected
from semloc_ros.networks.manifest import find_model
from semloc_ros.networks.place_about import LABELS
from semloc_ros.networks.place_backends import PlaceBackend, open_place_backend
from semloc_ros.networks.place_inputs import image_planes, label_planes
from semloc_ros.types import LabelMap


class Describer:
    """Descriptors of one place network. Not thread-safe.

    `about` says what the network is, `needs` what it reads: "image" or "labels". Only descriptors
    of the same `sha256`, that of its file of weights, can be compared. `computed_by` says in words
    what computes.
    """

    def __init__(self, backend: PlaceBackend) -> None:
        self._backend = backend
        self.about, self.sha256 = backend.about, backend.sha256
        self.name, self.dimensions = self.about.name, self.about.dimensions
        self.needs = "labels" if self.about.input == LABELS else "image"
        self.computed_by = backend.computed_by

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
        if self.needs == "labels":
            planes = label_planes(labels, self.about, mask)
        elif image is None:
            raise InputError(expected("image", f"one, which {self.name} reads", "none"))
        else:
            planes = image_planes(image, self.about, mask)
        return np.asarray(self._backend.describe(planes[None])[0], np.float32)


def load_describer(model: str | Path, config: DescriberConfig | None = None) -> Describer:
    """The describer of a model by name (models/) or file (.safetensors or .onnx).

    Raises ModelError for a model that is not there, damaged or of another kind, ConfigError for
    options that do not fit it, EnvironmentFault for what the machine lacks.
    """
    config = config or DescriberConfig()
    if not str(model):
        raise ConfigError(expected("model", "the name or the file of a model of places", "''"))
    path = find_model(Path(model).expanduser())
    return Describer(open_place_backend(path, config.backend, config.device, config.threads))
