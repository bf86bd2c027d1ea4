"""A room with pictures on its walls, and finds of them that err as a regression network does:
alike over parts of a picture, and some matches not at all right."""

import numpy as np

from semloc_ros.geometry import cameras, se3
from semloc_ros.maps.objects import MapObjects, ObjectInstance, ObjectOfInterest
from semloc_ros.types import Camera, Frame, ObjectDetection

CAMERA = Camera("pinhole", 640, 480, 520.0, 520.0, 319.5, 239.5)
_RIGHTS = np.array([[0.0, 1, 0], [-1, 0, 0], [0, -1, 0]])  # of who looks at x = 0, y = 0, x = 6
_ACROSS = 20  # matches along each side of a picture


def room():
    """map_from_uv (4, 3) by name: three pictures on each of three walls of 6 m by 3 m."""
    hung = {}
    for number in range(9):
        wall, place = divmod(number, 3)
        right, at = _RIGHTS[wall], (1.0, 2.8, 4.4)[place]
        wide, high, top = 0.9 + 0.2 * place, 0.7 + 0.15 * (place % 2), 1.9 + 0.1 * (place % 2)
        middle = [(0, at + wide / 2, top), (at + wide / 2, 0, top), (6, at + wide / 2, top)][wall]
        hung[f"picture {number}"] = picture(middle - right * wide / 2, wide * right, high)
    return hung


def picture(corner, right, high):
    """map_from_uv (4, 3) of one whose top-left corner and upper edge are given."""
    hung = np.zeros((4, 3))
    hung[:3, 0], hung[:3, 1], hung[:3, 2], hung[3, 2] = right, (0, 0, -high), corner, 1.0
    return hung


def objects_of(hung):
    """The map's objects; of a name with a list of pictures one with so many instances."""
    plain = np.zeros((4, 4, 3), np.uint8), np.full((4, 4), 255, np.uint8)
    places = {name: one if isinstance(one, list) else [one] for name, one in hung.items()}
    return MapObjects(tuple(
        ObjectOfInterest(name, *plain, tuple(map(ObjectInstance, some)))
        for name, some in places.items()
    ))  # fmt: skip


def alike(rng, uv, part):
    """Random numbers (N,) of unit variance, alike over parts of a picture."""
    grid = np.arange(int(np.ceil(1 / part)) + 4)
    along = np.exp(-((uv[:, :, None] / part + 1.5 - grid) ** 2))
    weights = (along[:, 1, :, None] * along[:, 0, None, :]).reshape(len(uv), -1)
    return weights @ rng.normal(size=len(grid) ** 2) / np.linalg.norm(weights, axis=1)


def found(
    rng, name, map_from_uv, pose, sigma=1.5, part=0.3, white=0.1, outliers=0.05, camera=CAMERA,
    said=None,
):  # fmt: skip
    """The find of a picture, None where it is not seen: matches err by `sigma` px, of whose
    variance the share `white` is each match's own; they say `said`."""
    side = (np.arange(_ACROSS) + 0.5) / _ACROSS
    uv = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    points = ObjectInstance(map_from_uv).points_map(uv)
    pixels, seen = cameras.project(camera, se3.transform(pose, points))
    seen &= cameras.inside_image(camera, np.nan_to_num(pixels, nan=-9.0))
    into_wall = np.cross(map_from_uv[:3, 0], map_from_uv[:3, 1])
    if seen.sum() < 40 or into_wall @ (points.mean(0) - se3.inverse(pose)[:3, 3]) < 0:
        return None
    smooth = np.stack([alike(rng, uv, part), alike(rng, uv, part)], axis=1)
    own = rng.normal(size=uv.shape)
    pixels = pixels + sigma * (np.sqrt(1 - white) * smooth + np.sqrt(white) * own)
    wrong = rng.random(len(uv)) < outliers
    pixels[wrong] += rng.uniform(-40, 40, (wrong.sum(), 2))
    pixels, uv = pixels[seen], uv[seen]
    box = np.r_[pixels.min(0), pixels.max(0)]
    sigmas = np.full(len(uv), float(said or sigma))
    return ObjectDetection(name, 0.9, box, pixels, uv, sigmas, rng.uniform(0.5, 1, len(uv)))


def finds_in(rng, hung, pose, **errors):
    """Of all pictures that are seen."""
    finds = (found(rng, name, one, pose, **errors) for name, one in hung.items())
    return [one for one in finds if one is not None]


def frame_of(matches, camera=CAMERA, stamp_ns=5):
    """A frame of noise with these objects."""
    noise = np.random.default_rng(0).integers(0, 255, (camera.height, camera.width), np.uint8)
    return Frame(stamp_ns, noise, camera, objects=matches)
