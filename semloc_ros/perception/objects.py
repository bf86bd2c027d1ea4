"""From an image to the objects of interest in it, each with dense matches to its reference image
(Weinzaepfel et al., CVPR 2019, section 3.1; `localization.objects.lift` takes them into the map).

A network finds them. What matches is the network too, or local features in what it found; either
is made better by the homography of the plane, and by the pixels.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import ObjectMatcherConfig
from semloc_ros.errors import ConfigError, ModelError, expected
from semloc_ros.maps.objects import MapObjects
from semloc_ros.networks.instance_inputs import network_size, resized_planes
from semloc_ros.networks.manifest import find_model
from semloc_ros.networks.object_backends import ObjectBackend, open_object_backend
from semloc_ros.networks.object_inputs import ObjectFinds, PixelMatches, pixel_matches
from semloc_ros.perception.features import check_image, check_mask
from semloc_ros.perception.flat_lens import FlatLens
from semloc_ros.perception.object_features import FeatureMatcher
from semloc_ros.perception.object_refinement import (
    Reference,
    View,
    by_pixels,
    counted,
    homography_of,
    on_homography,
    reference_of,
    selected,
    view_of,
)
from semloc_ros.types import Camera, FloatArray, ObjectDetection

_POINTS = "points3d"
_LEAST_MATCHES = 4  # of a find: fewer do not tell how a plane lies
_STAGES = ("network", "matching", "refinement")


class ObjectMatcher:
    """Finds objects in images. Not thread-safe.

    `names` are those that can be found, `unknown` those that the network knows and the map does
    not; `computed_by` says in words what computes; `stage_ms` how long the stages of the last image
    took; `refused` what the network was sure of in it and is left out, as pixels or features do not
    confirm it.
    """

    def __init__(
        self, backend: ObjectBackend, objects: MapObjects | None, config: ObjectMatcherConfig
    ) -> None:
        self._backend, self._config = backend, config
        self.name, self.computed_by = backend.about.name, backend.computed_by
        known = {} if objects is None else {one.name: one for one in objects.objects}
        self.names = tuple(
            one for one in backend.about.names if objects is None or one in known
        )
        self.unknown = tuple(one for one in backend.about.names if one not in self.names)
        self._known = known
        self._references: dict[str, Reference] = {}
        self._features = FeatureMatcher(config.features, config.refinement)
        self._lens: FlatLens | None = None
        self.stage_ms: dict[str, float] = {}
        self.refused: list[ObjectDetection] = []

    def find(
        self, image: NDArray[np.uint8], mask: NDArray[np.uint8] | None = None,
        camera: Camera | None = None,
    ) -> list[ObjectDetection]:  # fmt: skip
        """The objects of an image (H, W, 3) RGB or (H, W), the best first, each with matches; those
        at pixels of the mask (H, W) that are not 0 are left out, and what has fewer than four is
        no find. At one place there is one object: the best that nothing contradicts.

        Of the camera its distortion counts, without which planes are homographies; None: it has
        none. InputError for any other image or mask.
        """
        self.stage_ms, self.refused = dict.fromkeys(_STAGES, 0.0), []
        check_image(image)
        if mask is not None:
            check_mask(mask, image)
        with self._timed("network"):
            found = self._detected(image)
            view = view_of(image, mask)
            finds = [one for one in (_seen(one, view) for one in found) if _tells(one)]
        lens = self._lens_of(camera) if finds else None
        flat = view if lens is None else lens.view(view)
        kept: list[ObjectDetection] = []
        for one in finds:
            if any(_overlap(one, other) > self._config.overlap for other in kept):
                continue
            better = self._improved(one, view, flat, lens)
            if better is not None and _tells(better):
                kept.append(better)
            elif one.score >= self._config.score:
                self.refused.append(one)
        return kept

    def _improved(
        self, find: ObjectDetection, view: View, flat: View, lens: FlatLens | None
    ) -> ObjectDetection | None:
        """By what is asked for, in the flat view if there is a lens to be taken out."""
        with self._timed("matching"):
            better = self._matched(find if lens is None else lens.flattened(find), flat)
        if better is None:
            return None
        with self._timed("refinement"):
            better = self._refined(better, flat)
        if lens is None or better is None:
            return better
        return _seen(lens.bent(better, find.box), view)

    def _lens_of(self, camera: Camera | None) -> FlatLens | None:
        """None where nothing is to be taken out: of a pinhole, and where matches stay as they
        are."""
        plain = self._config.matcher == "regression" and self._config.refine == "none"
        if camera is None or plain or not any(camera.distortion):
            return None
        if self._lens is None or self._lens.camera != camera:
            self._lens = FlatLens(camera)
        return self._lens

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.stage_ms[stage] += 1e3 * (time.perf_counter() - start)

    def _detected(self, image: NDArray[np.uint8]) -> list[ObjectDetection]:
        about, size = self._backend.about, (image.shape[0], image.shape[1])
        small = network_size(size, about.short_side)
        planes = resized_planes(image, small, about.normalization)
        finds = self._backend.find(planes).scaled(small, size)
        named = [(row, about.names[int(finds.labels[row]) - 1]) for row in self._asked(finds)]
        return [
            self._detection(finds, number, name, pixel_matches(
                finds, number, size, self._config.points))
            for number, name in named if name in self.names
        ]  # fmt: skip

    def _asked(self, finds: ObjectFinds) -> list[int]:
        """Rows of finds that are sure, and of the best of those that may be confirmed."""
        config = self._config
        sure: list[int] = np.flatnonzero(finds.scores >= config.score).tolist()
        if config.matcher == "regression" and config.refine != "photometric":
            return sure
        rest = (finds.scores >= config.confirmed_score) & (finds.scores < config.score)
        return [*sure, *np.flatnonzero(rest).tolist()[: config.doubtful]]

    def _detection(
        self, finds: ObjectFinds, number: int, name: str, matches: PixelMatches
    ) -> ObjectDetection:
        places = matches.values
        if self._backend.about.head == _POINTS:
            places = uv_of_points(self._known[name].instances[0].map_from_uv, places)
        box = finds.boxes[number].astype(np.float64) - 0.5  # from edges to centres of pixels
        return ObjectDetection(
            name, float(finds.scores[number]), box, matches.points_image, places,
            matches.sigmas_px, 1.0 / (1.0 + matches.sigmas_px),
        )  # fmt: skip

    def _matched(self, find: ObjectDetection, view: View) -> ObjectDetection | None:
        if self._config.matcher == "regression":
            return find
        fit = homography_of(find, self._config.refinement)
        start = None if fit is None else fit[0]
        return self._features.match(find, view, self._reference(find.name), start)

    def _refined(self, find: ObjectDetection, view: View) -> ObjectDetection | None:
        """As well as it goes: where pixels cannot tell by the homography, and as it is where there
        is none. None, or without matches, if pixels contradict it, or do not confirm what is not
        sure; features count more than they, as someone may stand before most of the object."""
        config = self._config
        is_matched = config.matcher == "features"
        is_sure = is_matched or find.score >= config.score
        fit = None if config.refine == "none" else homography_of(find, config.refinement)
        if fit is None:
            return find if is_sure else None
        if config.refine == "photometric":
            reference = self._reference(find.name)
            better = by_pixels(find, fit[0], view, reference, config.refinement, config.points)
            if better is not None and (len(better) or not is_matched):
                return better
        return on_homography(find, *fit) if is_sure else None

    def _reference(self, name: str) -> Reference:
        if name not in self._references:
            self._references[name] = reference_of(self._known[name])
        return self._references[name]


def load_object_matcher(
    model: str | Path, objects: MapObjects | None, config: ObjectMatcherConfig | None = None
) -> ObjectMatcher:
    """The matcher of a network by name or file, for the objects of a map; without a map, a network
    that matches by itself.

    Raises ModelError for a network that is not there, damaged, or knows none of the objects;
    ConfigError for options that need the map's objects, or do not fit the network.
    """
    config = config or ObjectMatcherConfig()
    if not str(model):
        raise ConfigError(expected("model", "the name or the file of a model", "''"))
    path = find_model(Path(model).expanduser())
    backend = open_object_backend(path, config.backend, config.device, config.threads)
    for name, asked in {
        f"matcher {config.matcher}": config.matcher == "features",
        f"refine {config.refine}": config.refine == "photometric",
        f"head {_POINTS}": backend.about.head == _POINTS,
    }.items():
        if asked and objects is None:
            raise ConfigError(expected(name, "the objects of a map", "none"))
    matcher = ObjectMatcher(backend, objects, config)
    if objects is not None and not matcher.names:
        wanted = f"a network of objects of the map ({_listed(objects.names)})"
        raise ModelError(expected(str(path), wanted, f"one of {_listed(matcher.unknown)}"))
    return matcher


def uv_of_points(map_from_uv: FloatArray, points: FloatArray) -> FloatArray:
    """Places (N, 2) of the reference image of points (N, 3) of the map; of those beside the plane,
    that of the nearest point on it."""
    plane = np.linalg.svd(map_from_uv.T)[2][-1]
    heights = (points @ plane[:3] + plane[3]) / (plane[:3] @ plane[:3])
    flat = points - heights[:, None] * plane[:3]
    found = np.c_[flat, np.ones(len(flat))] @ np.linalg.pinv(map_from_uv).T
    return np.asarray(found[:, :2] / found[:, 2:])


def _seen(find: ObjectDetection, view: View) -> ObjectDetection:
    """Without the matches at pixels that do not count, or beside the image."""
    return selected(find, counted(find.points_image, view.visible))


def _tells(find: ObjectDetection) -> bool:
    return len(find) >= _LEAST_MATCHES


def _overlap(find: ObjectDetection, other: ObjectDetection) -> float:
    """Intersection over union of the boxes of two finds; of the same object over the smaller one,
    as a part of it that is seen alone is no second one."""
    box, rival = find.box, other.box
    sides = np.minimum(box[2:], rival[2:]) - np.maximum(box[:2], rival[:2])
    shared = float(np.prod(np.maximum(sides, 0.0)))
    areas = [float(np.prod(one[2:] - one[:2])) for one in (box, rival)]
    whole = min(areas) if find.name == other.name else sum(areas) - shared
    return shared / max(whole, 1e-9)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
