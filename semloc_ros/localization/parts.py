"""What a robot needs of a map: the localizer of its images, and the session that believes it.

The node, the replay of bags and the benchmarks make them here.
"""

from __future__ import annotations

from semloc_ros.config import LocalizerConfig, LocalizerNodeConfig
from semloc_ros.errors import ConfigError, expected
from semloc_ros.localization.label_kernels import compile_kernels
from semloc_ros.localization.label_tracking import LabelTracker
from semloc_ros.localization.label_weights import chosen_device
from semloc_ros.localization.localizer import Localizer
from semloc_ros.localization.semantics import load_semantics
from semloc_ros.localization.serving import FrameLocalizer
from semloc_ros.localization.session import Session
from semloc_ros.maps.semantic_map import SemanticMap


def make_localizer(semantic_map: SemanticMap, config: LocalizerConfig) -> Localizer:
    """The localizer of a map, with its labels if it has some; MapError if it does not do,
    ConfigError for a method by labels where it has none, or for a GPU that is not there."""
    semantics = load_semantics(semantic_map, config.filter, config.seed)
    if semantics is None and config.method in ("ssmc", "gsmc", "pfsl"):
        wanted = f"points with labels for the method {config.method} (semloc map label)"
        raise ConfigError(expected("map", wanted, "none"))
    if semantics is not None:  # now, and not when the first frame waits
        chosen_device(config.filter.device)  # imports torch, if that is installed
        compile_kernels()
    return Localizer(semantic_map, config, semantics)


def make_session(localizer: FrameLocalizer, config: LocalizerNodeConfig) -> Session:
    """A session of one robot; with a particle filter, if the localizer's map has labels."""
    labels = None
    if isinstance(localizer, Localizer) and localizer.semantics is not None:
        labels = LabelTracker(
            localizer.semantics, localizer.view_centres, config.filter, config.seed, config.places
        )
    expects_odometry = config.odometry != "none"
    return Session(config.tracking, config.motion, expects_odometry, config.method, labels)
