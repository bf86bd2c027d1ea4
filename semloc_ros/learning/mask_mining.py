"""From a clip of a static camera to masks of what moves in some of its frames.

Either the paper's five steps (`mining_steps`), or ours against the background
(`mining_background`), both on frames that were brought into one view and one light.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config.mining import MiningConfig
from semloc_ros.errors import DatasetError, expected
from semloc_ros.learning.mining_background import Judgement, judge, same_light, temporal_median
from semloc_ros.learning.mining_camera import (
    CameraReport,
    check_camera,
    from_reference,
    into_reference,
    reference_from_frame,
)
from semloc_ros.learning.mining_steps import (
    Image,
    Mask,
    Votes,
    large_components,
    whole_superpixels,
)
from semloc_ros.types import FloatArray, StaticClip

MOVING, UNSURE = 255, 170  # as CDnet writes moving and unknown; static is 0
_LEAST_FRAMES = 3
_AT_ONCE = 50  # frames whose votes are counted in one reading of the clip


@dataclass(frozen=True, slots=True)
class MinedMask:
    """Frame `index` of a clip: `image` (H, W, 3) uint8 RGB and `values` (H, W) uint8: 255 moving,
    170 unsure (not to be learned from), 0 static."""

    clip: str
    index: int
    image: Image
    values: NDArray[np.uint8]

    @property
    def moving(self) -> Mask:
        """What moves, (H, W) bool."""
        return np.asarray(self.values == MOVING, np.bool_)


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame as the reference would show it in its light, and how it got there."""

    index: int
    image: Image
    seen: Image
    reference_from_frame: FloatArray


class ClipView:
    """The frames of a clip in one view and one light, those of its middle frame.

    `report`: what the camera did, None if that was not asked. `sample`: frames evenly spread.
    """

    def __init__(self, clip: StaticClip, config: MiningConfig) -> None:
        """Raises DatasetError if the clip is too short or its camera moved."""
        if clip.num_frames < _LEAST_FRAMES:
            wanted = f"{_LEAST_FRAMES} frames or more"
            raise DatasetError(expected(clip.name, wanted, clip.num_frames))
        self.clip, self.config = clip, config
        self.report: CameraReport | None = None
        sampled = spread(clip.num_frames, config.background.frames)
        middle = sampled[len(sampled) // 2]
        self.reference = clip.read(middle)
        self.sample: list[Image] = []
        if config.camera.enabled or config.evidence == "background":
            self._take_sample(sampled)

    def frame(self, index: int) -> Frame | None:
        """One frame; None if it shows another view. Raises DatasetError for one of another size."""
        image = self._read(index)
        matrix: FloatArray | None = np.eye(3)
        if self.report is not None and not self.report.one_view:
            matrix, _ = reference_from_frame(self.reference, image, self.config.camera)
        if matrix is None:
            return None
        return Frame(index, image, self._seen(image, matrix), matrix)

    def frames(self) -> Iterator[Frame]:
        """All frames of this view, one after the other."""
        for index in range(self.clip.num_frames):
            frame = self.frame(index)
            if frame is not None:
                yield frame

    def _read(self, index: int) -> Image:
        image = self.clip.read(index)
        if image.shape != self.reference.shape:
            wanted, got = (f"{one.shape[1]} x {one.shape[0]}" for one in (self.reference, image))
            raise DatasetError(expected(f"{self.clip.name}: frame {index}", wanted, got))
        return image

    def _take_sample(self, indices: Sequence[int]) -> None:
        images = [self._read(index) for index in indices]
        moves: list[FloatArray | None] = [np.eye(3) for _ in images]
        if self.config.camera.enabled:
            moves, self.report = check_camera(
                self.reference, images, self.config.camera, self.clip.name
            )
        pairs = zip(images, moves, strict=True)
        self.sample = [self._seen(image, move) for image, move in pairs if move is not None]

    def _seen(self, image: Image, matrix: FloatArray) -> Image:
        seen = into_reference(image, matrix)
        return same_light(seen, self.reference) if self.config.light else seen


def spread(total: int, count: int) -> list[int]:
    """`count` numbers in [0, total), or all, at even distances from each other and the ends."""
    count = min(total, count)
    return [int((2 * number + 1) * total / (2 * count)) for number in range(count)]


class MaskMiner:
    """Mines masks of the frames of one clip. `report`: what the camera did, None if not asked."""

    def __init__(self, clip: StaticClip, config: MiningConfig) -> None:
        """Raises DatasetError if the clip is not one of a camera that stands, or too short."""
        self._view, self._config = ClipView(clip, config), config
        self.report = self._view.report
        by_background = config.evidence == "background"
        self._background = temporal_median(self._view.sample) if by_background else None

    def mine(self, indices: Sequence[int]) -> Iterator[MinedMask]:
        """Masks of the frames `indices`, in their order; frames of another view are left out.

        Votes need one more reading of the clip for every fifty frames.
        """
        for first in range(0, len(indices), _AT_ONCE):
            some = indices[first : first + _AT_ONCE]
            queries = [frame for index in some if (frame := self._view.frame(index)) is not None]
            if self._background is None:
                yield from self._by_votes(queries)
            else:
                for query in queries:
                    yield self._by_background(query, self._background)

    def _by_votes(self, queries: Sequence[Frame]) -> Iterator[MinedMask]:
        voting = self._config.voting
        for query, votes in zip(queries, count_votes(self._view, queries), strict=True):
            mask = whole_superpixels(query.seen, votes.dynamic(voting.share), voting)
            mask = large_components(mask, voting.dilation_px, self._config.least_share * mask.size)
            yield self._mined(query, mask.astype(np.uint8) * MOVING)

    def _by_background(self, query: Frame, background: Image) -> MinedMask:
        config = self._config
        least_px = config.least_share * query.seen.shape[0] * query.seen.shape[1]
        found = judge(
            query.seen, background, self._view.sample, config.background, config.difference,
            least_px,
        )  # fmt: skip
        return self._mined(query, _values(found, config.background.unsure_edges))

    def _mined(self, query: Frame, values: NDArray[np.uint8]) -> MinedMask:
        back = from_reference(values, query.reference_from_frame, UNSURE)
        return MinedMask(self._view.clip.name, query.index, query.image, back)


def count_votes(view: ClipView, queries: Sequence[Frame]) -> list[Votes]:
    """Steps a to c of the paper for several queries, the clip being read once."""
    votes = [Votes(query.seen, view.config.difference) for query in queries]
    for frame in view.frames():
        for query, one in zip(queries, votes, strict=True):
            if frame.index != query.index:
                one.add(frame.seen)
    return votes


def _values(found: Judgement, unsure_edges: bool) -> NDArray[np.uint8]:
    """What moves over what is unsure over what stands."""
    unsure = found.stood
    if unsure_edges:
        around = cv2.dilate(found.moving.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        unsure = unsure | around | found.shadow
    return np.where(found.moving, MOVING, np.where(unsure, UNSURE, 0)).astype(np.uint8)
