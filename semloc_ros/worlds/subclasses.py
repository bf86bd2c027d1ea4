"""Labels of a street that are finer than the 19 classes, the same in all seasons and traversals.

They stand for what a network finds that was trained to tell parts of scenes apart over the
seasons: a wall of red brick on the ground floor, a sash window high up, the back of a sign. They
are not rendered: the street is built once more in summer, without leaves, and for each pixel of
a recorded frame it is asked which part of it lies there. What that street does not have (what
moves, leaves, snow) is told by the frame's own truth.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from semloc_ros import classes
from semloc_ros.config import StreetConfig
from semloc_ros.geometry import se3
from semloc_ros.maps.label_sets import LabelSet
from semloc_ros.types import FloatArray
from semloc_ros.worlds.rendering.lens import pixel_rays
from semloc_ros.worlds.rendering.raycaster import RayCaster
from semloc_ros.worlds.rendering.scene import Patches, SceneBuilder
from semloc_ros.worlds.street.conditions import CONDITIONS
from semloc_ros.worlds.street.part_names import ROAD, parent_of, patch_names, suffixes
from semloc_ros.worlds.street.street import build_street
from semloc_ros.worlds.truth import FrameTruth, View

_TOPS = (3.6, 7.2)  # metres: where the ground floor and the storeys called low end
_PARKING = 2.15  # metres from the kerb
_PAINTED = 150.0  # grey of the texels that are painted
_NEAR_M, _NEAR = 0.03, 0.01  # how far truth and street may be apart: metres, and share of depth
_NONE = -1


class StreetLabels:
    """The sub-classes of the street of one configuration: `labels` tells their names, which of
    them stay, and their classes."""

    def __init__(self, config: StreetConfig) -> None:
        builder = SceneBuilder()
        build_street(config, dataclasses.replace(CONDITIONS["summer"], foliage="bare"), builder)
        names = patch_names(builder)
        self._images = builder.images
        mesh = builder.take_mesh()
        self._patches: Patches = mesh.patches
        self._patch_of = mesh.triangle_patch
        self._caster = RayCaster(mesh.triangles)
        bases = [*sorted({*names, *_crowns(names)}, key=lambda one: (parent_of(one), one)),
                 "sky", *(classes.NAMES[one] for one in classes.MOVABLE)]  # fmt: skip
        splits = [suffixes(base) for base in bases]
        self._first = np.cumsum([0, *map(len, splits)])
        self._is_road = np.array([split is ROAD for split in splits])
        number = {base: k for k, base in enumerate(bases)}
        self._base_of_patch = np.array([number[name] for name in names])
        self._fallback = self._dominant(names, number)
        full = [base + end for base, split in zip(bases, splits, strict=True) for end in split]
        parents = np.array([parent_of(name) for name in full], np.uint8)
        self.labels = LabelSet(tuple(full), ~np.isin(parents, list(classes.MOVABLE)), parents)

    def label_map(self, view: View, *, snow: bool) -> NDArray[np.uint8]:
        """The sub-classes (H, W) of a frame, 255 = unknown; under snow no markings are
        seen, nor what lies between them."""
        truth = view.truth
        rays, _, _ = pixel_rays(view.camera)
        map_from_camera = se3.inverse(view.camera_from_map)
        eye, directions = map_from_camera[:3, 3], rays @ map_from_camera[:3, :3].T
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = truth.depth.ravel() / rays[:, 2]
            points = eye + directions * np.where(np.isfinite(reach), reach, 0.0)[:, None]
        patch = self._patches_at(truth, points, eye, directions)
        base = self._fallback_of(truth)
        base = np.where(patch >= 0, self._base_of_patch[patch], base)
        kinds = np.searchsorted(_TOPS, points[:, 2], side="right")
        road = self._is_road[base] & (patch >= 0)
        kinds[self._is_road[base]] = 0
        kinds[road] = self._road_kinds(points[road], patch[road], snow=snow)
        kinds = np.minimum(kinds, np.diff(self._first)[base] - 1)
        found = np.where(base == _NONE, classes.UNKNOWN, self._first[base] + kinds)
        return found.reshape(truth.labels.shape).astype(np.uint8)

    def _patches_at(
        self, truth: FrameTruth, points: FloatArray, eye: FloatArray, directions: FloatArray
    ) -> NDArray[np.int64]:
        """The patch (N,) of the street in each pixel, -1 where the frame shows something else."""
        hits = self._caster.first_hits(eye, directions)
        patch = np.where(hits >= 0, self._patch_of[hits], 0).astype(np.int64)
        normals, origins = self._patches.normals[patch], self._patches.origins[patch]
        off = np.einsum("ij,ij->i", normals, points - origins)
        slant = np.abs(np.einsum("ij,ij->i", normals, directions))
        far = np.linalg.norm(points - eye, axis=1)
        same = np.abs(off) < (_NEAR_M + _NEAR * far) * slant
        same &= (hits >= 0) & (self._patches.instances[patch] == truth.instances.ravel())
        same &= self._patches.labels[patch] == truth.labels.ravel()
        return np.where(same, patch, _NONE)

    def _fallback_of(self, truth: FrameTruth) -> NDArray[np.int64]:
        """The base (N,) that a pixel's own label and instance stand for, -1 for none."""
        label, instance = truth.labels.ravel(), truth.instances.ravel()
        known = np.minimum(instance, self._fallback.shape[1] - 1)
        found: NDArray[np.int64] = self._fallback[label, known]
        return found

    def _dominant(self, names: list[str], number: dict[str, int]) -> NDArray[np.int64]:
        """By label and instance (256, I + 1): the base name of most of its area; crowns for trees;
        sky and what moves for instances that are none of the street's."""
        patches = self._patches
        count = int(patches.instances.max()) + 2  # the last for all others
        area = np.zeros((256, count, len(number)), np.float32)
        sizes = patches.extents.prod(1)
        np.add.at(area, (patches.labels, patches.instances, self._base_of_patch), sizes)
        found = np.where(area.any(2), area.argmax(2), _NONE)
        for name, instance in set(zip(names, patches.instances.tolist(), strict=True)):
            if name.startswith("vegetation/tree"):
                found[classes.VEGETATION, instance] = number[f"{name} crown"]
        for label in (classes.SKY, *classes.MOVABLE):
            found[label] = number[classes.NAMES[label]]
        return found

    def _road_kinds(
        self, points: FloatArray, patch: NDArray[np.int64], *, snow: bool
    ) -> NDArray[np.int64]:
        """Rows (N,) of `part_names.ROAD`: marking by the texel, parking by the way to the kerb."""
        rows = self._patches
        texel = np.einsum("nij,nj->ni", rows.texel_axes[patch], points - rows.origins[patch])
        kinds = np.zeros(len(points), np.int64)
        if snow:
            return kinds
        for texture in np.unique(rows.textures[patch]):
            here = rows.textures[patch] == texture
            image = self._images[texture]
            height, width = image.shape[:2]
            u, v = np.clip(texel[here].astype(np.int64), 0, (width - 1, height - 1)).T
            wide = rows.extents[patch[here], 1]
            across = (texel[here, 1] + 0.5) / height * wide
            own = np.where(np.minimum(across, wide - across) < _PARKING, 1, 0)
            kinds[here] = np.where(image[v, u].mean(1) > _PAINTED, 2, own)
        return kinds


def _crowns(names: list[str]) -> set[str]:
    return {f"{name} crown" for name in names if name.startswith("vegetation/tree")}
