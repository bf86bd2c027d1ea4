"""Writing a folder of predictions without ROS: the same lines that the recorder node writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets.tum import seconds_text
from semloc_ros.errors import DatasetError, expected
from semloc_ros.evaluation.evidence import EVIDENCE, Cloud, evidence_of, write_evidence
from semloc_ros.evaluation.predictions import PREDICTIONS
from semloc_ros.geometry import se3
from semloc_ros.localization.outcomes import Fix
from semloc_ros.localization.reports import value_text
from semloc_ros.localization.states import Standing
from semloc_ros.types import FloatArray, Frame, NoPose, PoseEstimate

POSES, THUMBNAILS = "poses.tum", "thumbnails"
_JPEG_QUALITY = 70


class PredictionLog:
    """predictions.jsonl, poses.tum, thumbnails/ and, if wanted, evidence/ of a folder; a context
    that closes them.

    Raises DatasetError if the folder cannot be written.
    """

    def __init__(self, folder: Path, thumbnail_width: int = 0, evidence: bool = False) -> None:
        self._folder, self._width, self._evidence = folder, thumbnail_width, evidence
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for old in (*folder.glob(f"{THUMBNAILS}/*.jpg"), *folder.glob(f"{EVIDENCE}/*.npz")):
                old.unlink()
            self._lines, self._tum = (folder / PREDICTIONS).open("w"), (folder / POSES).open("w")
        except OSError as error:
            wanted = "a folder that can be written"
            raise DatasetError(expected(str(folder), wanted, error)) from None

    def __enter__(self) -> PredictionLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lines.close()
        self._tum.close()

    def frame(self, stamp_ns: int, received_ns: int) -> None:
        """An image came."""
        self._write("frame", stamp_ns, received_ns)

    def pose(self, stamp_ns: int, received_ns: int, fix: Fix) -> None:
        """A pose that would be published."""
        position, quaternion = _pose_lists(fix.map_from_base)
        self._write(
            "pose", stamp_ns, received_ns, position=position, quaternion_xyzw=quaternion,
            covariance=fix.covariance.ravel().tolist(),
        )  # fmt: skip
        numbers = " ".join(f"{value:.9f}" for value in (*position, *quaternion))
        self._tum.write(f"{seconds_text(stamp_ns)} {numbers}\n")

    def status(
        self, stamp_ns: int, received_ns: int, standing: Standing, values: Mapping[str, object]
    ) -> None:
        """A state with the values of its status."""
        texts = {key: value_text(value) for key, value in values.items() if key != "stamp"}
        self._write(
            "status", stamp_ns, received_ns, state=standing.state.value,
            reason=standing.reason, values=texts,
        )  # fmt: skip

    def transform(
        self, stamp_ns: int, received_ns: int, parent: str, child: str, pose: FloatArray
    ) -> None:
        """A transform that would be broadcast."""
        position, quaternion = _pose_lists(pose)
        self._write(
            "tf", stamp_ns, received_ns, parent=parent, child=child,
            position=position, quaternion_xyzw=quaternion,
        )  # fmt: skip

    @property
    def wants_thumbnails(self) -> bool:
        """Whether `thumbnail` keeps anything."""
        return self._width > 0

    def thumbnail(self, stamp_ns: int, image: NDArray[np.uint8]) -> None:
        """Keep a small copy of an overlay (H, W, 3) RGB."""
        height = max(1, round(image.shape[0] * self._width / image.shape[1]))
        small = cv2.resize(image, (self._width, height), interpolation=cv2.INTER_AREA)
        folder = self._folder / THUMBNAILS
        folder.mkdir(exist_ok=True)
        quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        cv2.imwrite(
            str(folder / f"{stamp_ns}.jpg"), cv2.cvtColor(small, cv2.COLOR_RGB2BGR), quality
        )

    def evidence(
        self, stamp_ns: int, frame: Frame, result: PoseEstimate | NoPose, particles: Cloud | None
    ) -> None:
        """Keep mask, matches and the particles of a frame, if evidence is wanted."""
        if self._evidence:
            folder = self._folder / EVIDENCE
            folder.mkdir(exist_ok=True)
            write_evidence(folder / f"{stamp_ns}.npz", evidence_of(frame, result, particles))

    def _write(self, kind: str, stamp_ns: int, received_ns: int, **values: Any) -> None:
        line = {"kind": kind, "stamp_ns": stamp_ns, "received_ns": received_ns, **values}
        self._lines.write(json.dumps(line) + "\n")


def _pose_lists(pose: FloatArray) -> tuple[list[float], list[float]]:
    position, quaternion = se3.to_quaternion_xyzw(pose)
    return position.tolist(), quaternion.tolist()
