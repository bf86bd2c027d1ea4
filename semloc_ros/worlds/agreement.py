"""Whether the kinds of truth of a frame agree with each other, pixel by pixel.

What is checked: sky is where there is no depth and no instance, and nowhere else; an instance is
of one family of classes (one ground with its road and sidewalks, one pole with its signs, a rider
on a bicycle); pixels of an object belong to its instance; what moves or could move is of a class
that does, and all of that class does; what sways is vegetation or of no class (a flag).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semloc_ros import classes
from semloc_ros.worlds.rendering.scene import Motion
from semloc_ros.worlds.truth import FrameTruth

_FAMILIES = (
    (classes.ROAD, classes.SIDEWALK, classes.TERRAIN, classes.VEGETATION),
    (classes.BUILDING, classes.WALL, classes.FENCE),
    (classes.POLE, classes.TRAFFIC_LIGHT, classes.TRAFFIC_SIGN),
    (classes.RIDER, classes.MOTORCYCLE, classes.BICYCLE),
)
_FAMILY_OF = np.arange(256, dtype=np.uint8)
for _family in _FAMILIES:
    _FAMILY_OF[list(_family)] = _family[0]


def disagreements(truth: FrameTruth, instance_of: dict[int, set[int]]) -> dict[str, int]:
    """Number of pixels that break each rule; `instance_of`: object id → its instances."""
    wrong = {
        "sky": _wrong_sky(truth),
        "instance of two families": _mixed(truth),
        "object of another instance": _strange_objects(truth, instance_of),
        "object (u, v) outside its image": _outside(truth),
        "motion against class": _wrong_motion(truth),
    }
    return {rule: int(np.count_nonzero(pixels)) for rule, pixels in wrong.items()}


def _wrong_sky(truth: FrameTruth) -> NDArray[np.bool_]:
    empty, sky = np.isinf(truth.depth), truth.labels == classes.SKY
    nothing = truth.instances == 0
    return np.asarray((empty != sky) | (empty != nothing) | (truth.depth <= 0))


def _mixed(truth: FrameTruth) -> NDArray[np.bool_]:
    """Pixels whose family is not the most frequent known one of their instance."""
    families = _FAMILY_OF[truth.labels]
    mixed = np.zeros(families.shape, dtype=bool)
    known = families != classes.UNKNOWN
    for instance in np.unique(truth.instances[known]):
        own = (truth.instances == instance) & known
        mixed |= own & (families != np.bincount(families[own]).argmax())
    return mixed


def _strange_objects(truth: FrameTruth, instance_of: dict[int, set[int]]) -> NDArray[np.bool_]:
    wrong = np.zeros(truth.objects.shape, dtype=bool)
    for number in np.unique(truth.objects[truth.objects > 0]).tolist():
        instances = list(instance_of.get(number, ()))
        wrong |= (truth.objects == number) & ~np.isin(truth.instances, instances)
    return wrong


def _outside(truth: FrameTruth) -> NDArray[np.bool_]:
    inside = ((truth.object_uv >= 0) & (truth.object_uv <= 1)).all(axis=2)
    return np.asarray((truth.objects > 0) & ~inside)


def _wrong_motion(truth: FrameTruth) -> NDArray[np.bool_]:
    mobile = np.isin(truth.labels, classes.MOVABLE)
    swaying = truth.motions == Motion.SWAYING
    may_sway = np.isin(truth.labels, (classes.VEGETATION, classes.UNKNOWN))
    return np.asarray((mobile != (truth.motions >= Motion.MOVABLE)) | (swaying & ~may_sway))
