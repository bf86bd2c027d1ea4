"""From folders of places and two models to the file of a hybrid: `semloc train hybrid`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from semloc_ros.config.places_learning import HybridTrainingConfig
from semloc_ros.errors import ConfigError, expected
from semloc_ros.learning.hybrid import LearnedWeight, learn_weight
from semloc_ros.learning.place_programs import TRUE_LABELS, TRUTH, labelled_views
from semloc_ros.learning.place_views import read_views
from semloc_ros.perception.hybrids import Hybrid, write_hybrid
from semloc_ros.perception.places import load_describer

_VALIDATE = "val"  # split of UTM sets
_DIGITS = 4


def train_hybrid(
    folders: Sequence[Path], models: tuple[str, str], labels: str | None, label_files: Path | None,
    config: HybridTrainingConfig, out: Path, command: str,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> LearnedWeight:  # fmt: skip
    """Learn the weight of a semantic and an RGB model (`models`, names or files) on the places of
    the folders, and write it to `out`.

    `labels` and `label_files` as of `place_programs.PlaceData`; None: the labels that the semantic
    model was trained on. Raises SemlocError in one line.
    """
    semantic, rgb = (load_describer(one) for one in models)
    for role, one, needs in (("--semantic", semantic, "labels"), ("--rgb", rgb, "image")):
        if one.needs != needs:
            wanted = f"a model of places that reads {'an image' if needs == 'image' else needs}"
            raise ConfigError(expected(role, wanted, one.name))
    if labels is None:
        assert semantic.about is not None  # it reads labels, so it has a network
        labels = semantic.about.labels
        labels = TRUTH if labels == TRUE_LABELS else labels
    views = read_views(folders, split=_VALIDATE)
    if labels != TRUTH:
        with TemporaryDirectory() as scratch:
            files = label_files or Path(scratch)
            views = labelled_views(views, labels, files, config.labels_width)[1]
            found = learn_weight(views, semantic, rgb, config, tell)
    else:
        found = learn_weight(views, semantic, rgb, config, tell)
    learned = {
        "command": command,
        "data": ", ".join(folder.name for folder in folders),
        "queries": found.queries,
        "recall": {
            "hybrid": round(found.hybrid["recall"], _DIGITS),
            "semantic": round(found.semantic["recall"], _DIGITS),
            "rgb": round(found.rgb["recall"], _DIGITS),
        },
    }
    seals = (semantic.sha256, rgb.sha256)
    write_hybrid(out, Hybrid(models[0], models[1], seals, found.weight, learned))
    return found
