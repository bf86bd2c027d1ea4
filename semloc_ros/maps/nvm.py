"""VisualSFM's N-View Match files (.nvm): in as a full map, or as posed images.

Format: ccwu.me/vsfm/doc.html#nvm. `NVM_V3`, and `FixedK fx cx fy cy [r]` if one calibration was
given for all images: it then stands for each camera's own numbers. One line per camera: name,
focal length, quaternion (w x y z) of `camera_from_map`, camera CENTRE in the map, radial
distortion, 0; one per point: xyz, rgb, measurements (image, feature, x, y).

- Measurements are relative to the principal point: that of FixedK, else the image's middle.
  VisualSFM (SiftGPU) counts pixels from the corner, so the middle is (width / 2, height / 2)
  there and half a pixel less here. Image sizes are not in the file: the images are needed.
- Its distortion goes the other way: undistorted = measured * (1 + r * |measured|²), in units
  of the focal length. It becomes radtan coefficients that undo it to far below a pixel.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import MapError, SemlocError, expected
from semloc_ros.geometry import se3
from semloc_ros.geometry.cameras import check_camera
from semloc_ros.maps.assembly import assemble
from semloc_ros.maps.colmap import NO_FEATURES
from semloc_ros.maps.colmap_cameras import HALF_PIXEL
from semloc_ros.maps.image_files import image_reader, read_image
from semloc_ros.maps.manifest import Manifest
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.maps.tracks import Tracks
from semloc_ros.types import Camera, Features, FloatArray, PosedImage


@dataclass(frozen=True, slots=True)
class Calibration:
    """Focal lengths, principal point (None: the image's middle) counted from the corner, radial."""

    fx: float
    fy: float
    centre: tuple[float, float] | None
    radial: float


@dataclass(frozen=True, slots=True)
class NvmView:
    """One camera of a model, as far as it is known without its image; `camera_from_map` (4, 4)."""

    name: str
    camera_from_map: FloatArray
    calibration: Calibration

    def camera(self, width: int, height: int) -> Camera:
        """The camera of an image of that size; InputError if the numbers are no camera's."""
        return _camera(width, height, self.calibration)


@dataclass(slots=True)
class _Lines:
    """The non-empty lines of the file, one after the other, with their numbers."""

    path: Path
    lines: Iterator[tuple[int, str]]
    number: int = field(default=0)
    fixed: Calibration | None = None

    def next(self, wanted: str) -> list[str]:
        for number, line in self.lines:
            self.number = number
            if line.strip():
                return line.split()
        raise MapError(expected(str(self.path), wanted, "the end of the file"))

    def count(self, wanted: str) -> int:
        words = self.next(wanted)
        if len(words) != 1 or not words[0].isdecimal() or len(words[0]) > 18:
            raise self.fault(wanted, " ".join(words))
        return int(words[0])

    def fault(self, wanted: str, got: object) -> MapError:
        return MapError(expected(f"{self.path} line {self.number}", wanted, got))


def read_nvm_views(path: Path) -> list[NvmView]:
    """The cameras of the first model of the file; its points and the images are not read."""
    lines = _open(path)
    return [_read_view(lines) for _ in range(_view_count(lines))]


def read_nvm_images(path: Path, images: Path) -> list[PosedImage]:
    """The posed images of the first model of the file, whose files lie under `images`."""
    return _read_images(_open(path), images)


def read_nvm(path: Path, images: Path, sigma_px: float = 1.0) -> SemanticMap:
    """The first model of the file as a map without descriptors (see `colmap.read_colmap`).

    Raises MapError, with the line, where the file is not as the format says.
    """
    lines = _open(path)
    posed = _read_images(lines, images)
    rows, xyz, colors = _read_points(lines, len(posed))
    offsets = np.cumsum([0] + [len(one) for one in rows]).astype(np.int64)
    flat = np.concatenate([*rows, np.empty((0, 3))])
    features, local = _features(flat, posed)
    tracks = Tracks(xyz, offsets, flat[:, 0].astype(np.int32), local)
    manifest = Manifest(NO_FEATURES, source=f"nvm {path}")
    return assemble(manifest, posed, features, colors, tracks, sigma_px)


def _open(path: Path) -> _Lines:
    lines = _Lines(path, _numbered(path))
    first = lines.next("NVM_V3")
    if first[0] != "NVM_V3":
        raise lines.fault("NVM_V3", first[0])
    lines.fixed = _fixed(lines, first[1:])
    return lines


def _numbered(path: Path) -> Iterator[tuple[int, str]]:
    """Line by line: the models of large data sets are larger than memory."""
    try:
        with path.open(encoding="utf-8") as file:
            yield from enumerate(file, 1)
    except (OSError, UnicodeDecodeError) as error:
        raise MapError(expected(str(path), "an NVM file", " ".join(str(error).split()))) from None


def _fixed(lines: _Lines, words: list[str]) -> Calibration | None:
    """The calibration of the file's first line, if it has one."""
    if not words:
        return None
    if words[0] != "FixedK":
        raise lines.fault("FixedK fx cx fy cy r or nothing after NVM_V3", words[0])
    numbers = _floats(lines, words[1:] if len(words) != 5 else [*words[1:], "0"], 5)
    fx, cx, fy, cy, radial = map(float, numbers)
    return Calibration(fx, fy, (cx, cy), radial)


def _view_count(lines: _Lines) -> int:
    count = lines.count("the number of cameras")
    if count == 0:
        raise lines.fault("at least one camera", 0)
    return count


def _read_images(lines: _Lines, images: Path) -> list[PosedImage]:
    return [_read_image(lines, images) for _ in range(_view_count(lines))]


def _read_image(lines: _Lines, images: Path) -> PosedImage:
    view = _read_view(lines)
    path = images / view.name
    height, width = read_image(path).shape[:2]
    try:
        camera = view.camera(width, height)
    except SemlocError as error:
        raise lines.fault("a camera", error) from None
    return PosedImage(view.name, 0, camera, view.camera_from_map, image_reader(path))


def _read_view(lines: _Lines) -> NvmView:
    words = lines.next("a camera")
    name = words[0].replace('"', " ")  # VisualSFM's mark for a blank
    numbers = _floats(lines, words[1:], 10)
    w, x, y, z = numbers[1:5]
    try:
        turn = se3.from_quaternion_xyzw(np.zeros(3), np.array([x, y, z, w]))
    except SemlocError as error:
        raise lines.fault("a pose", error) from None
    pose = se3.make_pose(turn[:3, :3], -turn[:3, :3] @ numbers[5:8])
    own = Calibration(float(numbers[0]), float(numbers[0]), None, float(numbers[8]))
    return NvmView(name, pose, lines.fixed or own)


def _camera(width: int, height: int, given: Calibration) -> Camera:
    u, v = given.centre or (width / 2, height / 2)
    centre = (u - HALF_PIXEL, v - HALF_PIXEL)
    ideal = Camera("pinhole", width, height, given.fx, given.fy, *centre)
    check_camera("camera", ideal)
    if given.radial == 0.0:
        return ideal
    reach = (max(u, width - u) / given.fx, max(v, height - v) / given.fy)
    k1, k2, k3 = _inverted(given.radial, float(np.hypot(*reach)))
    bent = dataclasses.replace(ideal, model="radtan", distortion=(k1, k2, 0.0, 0.0, k3))
    return check_camera("camera", bent)


def _inverted(radial: float, corner: float) -> list[float]:
    """k1, k2, k3 that undo u = m (1 + radial m²) for m up to the image corner."""
    measured = np.linspace(0.0, corner, 200)[1:]
    ideal = measured * (1 + radial * measured**2)
    if not (np.isfinite(ideal).all() and (np.diff(ideal) > 0).all()):
        raise MapError(expected("radial distortion", "one that can be undone", radial))
    powers = np.stack([ideal**3, ideal**5, ideal**7], axis=1)
    solution: list[float] = np.linalg.lstsq(powers, measured - ideal, rcond=None)[0].tolist()
    return solution


def _read_points(
    lines: _Lines, num_views: int
) -> tuple[list[FloatArray], FloatArray, NDArray[np.uint8]]:
    """Per point its (view, x, y) rows; positions (P, 3); colours (P, 3)."""
    rows, xyz, colors = [], [], []
    for _ in range(lines.count("the number of points")):
        words = lines.next("a point")
        head = _floats(lines, words[:7], 7)
        if head[6] < 0 or not head[6].is_integer():
            raise lines.fault("the number of measurements", head[6])
        seen = _floats(lines, words[7:], 4 * int(head[6])).reshape(-1, 4)
        if not np.isin(seen[:, 0], np.arange(num_views)).all():
            raise lines.fault(f"image numbers from 0 to {num_views - 1}", seen[:, 0])
        rows.append(seen[:, [0, 2, 3]])
        xyz.append(head[:3])
        colors.append(head[3:6])
    return (
        rows,
        np.array(xyz, np.float64).reshape(-1, 3),
        np.clip(np.array(colors).reshape(-1, 3), 0, 255).astype(np.uint8),
    )


def _features(
    flat: FloatArray, posed: list[PosedImage]
) -> tuple[list[Features], NDArray[np.int32]]:
    """Each measurement becomes a feature of its view; also its row there, (T,)."""
    local = np.zeros(len(flat), np.int32)
    features = []
    for view, image in enumerate(posed):
        mine = np.flatnonzero(flat[:, 0] == view)
        local[mine] = np.arange(len(mine))
        keypoints = flat[mine, 1:] + (image.camera.cx, image.camera.cy)
        empty = np.empty((len(mine), 0), np.uint8)
        scales = np.zeros(len(mine), np.float32)
        features.append(Features(NO_FEATURES, keypoints.astype(np.float32), scales, empty))
    return features, local


def _floats(lines: _Lines, words: list[str], count: int) -> FloatArray:
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError:
        raise lines.fault(f"{count} numbers", " ".join(words)[:60]) from None
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise lines.fault(f"{count} finite numbers", f"{len(numbers)} numbers")
    return numbers
