"""Keypoints on what moves: the rule, and the same rule in C++."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from semloc_ros.errors import InputError
from semloc_ros.perception.keypoint_filter import static_keypoints

HEADER = Path(__file__).resolve().parents[2] / "docs" / "snippets" / "dynamic_mask.hpp"
MASK = np.zeros((6, 9), np.uint8)
MASK[2:4, 3:6] = 255


def by_hand(point: NDArray[np.float64], radius: float) -> bool:
    """The definition, pixel by pixel."""
    rows, columns = np.nonzero(MASK)
    near = np.stack([columns, rows], axis=1)
    low, high = (np.floor(point + sign * radius + 0.5) for sign in (-1, 1))
    return not ((near >= low) & (near <= high)).all(axis=1).any()


@pytest.mark.parametrize("radius", [0.0, 0.5, 1.0, 2.3])
def test_it_is_the_definition(radius: float) -> None:
    points = np.random.default_rng(1).uniform(-3, 11, (500, 2))
    wanted = [by_hand(point, radius) for point in points]
    assert static_keypoints(points, MASK, radius).tolist() == wanted
    assert 0 < sum(wanted) < 500


def test_the_centre_of_the_first_pixel_is_zero() -> None:
    points = [[2.49, 2.0], [2.5, 2.0], [5.49, 3.49], [5.5, 3.0], [3.0, 1.49]]
    assert static_keypoints(points, MASK).tolist() == [True, False, False, True, True]


def test_each_keypoint_has_its_own_size() -> None:
    points = np.array([[0.0, 2.0], [0.0, 2.0], [8.0, 5.0]])
    assert static_keypoints(points, MASK, [2.4, 2.5, 0.0]).tolist() == [True, False, True]


def test_off_the_image_nothing_moves_and_no_number_is_not_static() -> None:
    everything = np.full((4, 4), 255, np.uint8)
    points = [[-1.0, 2.0], [1e300, 2.0], [np.nan, 2.0], [np.inf, 2.0], [-0.5, 2.0]]
    assert static_keypoints(points, everything).tolist() == [True, True, False, False, False]
    assert static_keypoints(points[:1], everything, 0.5).tolist() == [False]
    assert static_keypoints(np.zeros((0, 2)), everything).shape == (0,)


def test_other_shapes_are_one_line() -> None:
    with pytest.raises(InputError, match=r"keypoints: expected \(N, 2\), got \(3, 3\)"):
        static_keypoints(np.zeros((3, 3)), MASK)
    with pytest.raises(InputError, match=r"mask: expected \(H, W\)"):
        static_keypoints(np.zeros((3, 2)), np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(InputError, match="radius: expected 1 or 3 numbers, got 2"):
        static_keypoints(np.zeros((3, 2)), MASK, [1.0, 2.0])


PROGRAM = """
#include "dynamic_mask.hpp"
#include <cstdio>
struct Point { float x, y; };
struct KeyPoint { Point pt; int number; };
int main() {
  int width, height, count;
  double radius, scale, shift;
  if (std::scanf("%d %d %d %lf %lf %lf", &width, &height, &count, &radius, &scale, &shift) != 6)
    return 1;
  std::vector<std::uint8_t> pixels((width + 2) * height, 255);  // rows with two bytes of padding
  for (int row = 0; row < height; ++row)
    for (int column = 0; column < width; ++column)
      if (std::scanf("%hhu", &pixels[row * (width + 2) + column]) != 1) return 1;
  std::vector<KeyPoint> keypoints(count);
  for (int i = 0; i < count; ++i) {
    if (std::scanf("%f %f", &keypoints[i].pt.x, &keypoints[i].pt.y) != 2) return 1;
    keypoints[i].number = i;
  }
  std::vector<KeyPoint> all = keypoints;
  semloc::DynamicMask().remove_dynamic(all, radius);
  if (all.size() != keypoints.size()) return 2;
  const semloc::DynamicMask mask(pixels.data(), width, height, width + 2);
  mask.remove_dynamic(keypoints, radius, scale, shift);
  for (const KeyPoint& one : keypoints) std::printf("%d ", one.number);
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The header, compiled as strictly as it goes."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++")
    folder = tmp_path_factory.mktemp("cpp")
    (folder / "main.cpp").write_text(PROGRAM)
    words = ["-std=c++11", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", HEADER.parent]
    done = subprocess.run(
        [compiler, *words, folder / "main.cpp", "-o", folder / "program"],
        capture_output=True, text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder / "program"


@pytest.mark.parametrize(("radius", "scale", "shift"), [(0, 1, 0), (1.5, 1, 0), (2.0, 1.2, 16)])
def test_the_header_says_the_same(
    program: Path, radius: float, scale: float, shift: float
) -> None:
    generator = np.random.default_rng(2)
    mask = np.where(generator.random((40, 50)) < 0.02, 255, 0).astype(np.uint8)
    points = generator.uniform(-5, 55, (400, 2)).astype(np.float32)
    numbers = [f"{value:.9g}" for value in points.ravel()]
    given = [50, 40, 400, radius, scale, shift, *mask.ravel(), *numbers]
    done = subprocess.run(
        [program], input=" ".join(map(str, given)), capture_output=True, text=True, check=True
    )
    there = (points.astype(np.float64) + shift) * scale
    wanted = np.flatnonzero(static_keypoints(there, mask, radius * scale))
    assert done.stdout.split() == [str(one) for one in wanted]
    assert 0 < len(wanted) < 400
