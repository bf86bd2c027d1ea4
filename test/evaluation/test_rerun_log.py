"""The recording for rerun holds the entities that its page names."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from semloc_ros.config import EvaluationConfig
from semloc_ros.evaluation.conditions import load_conditions

rerun = pytest.importorskip("rerun")

Maker = Callable[..., dict[str, Any]]
S = 1_000_000_000


def test_a_run_becomes_a_recording(
    make_folder: Callable[..., Path], records: tuple[Maker, Maker], tmp_path: Path
) -> None:
    from semloc_ros.evaluation.rerun_log import write_rerun

    pose, status = records
    lines = [pose(second * S, [second, 0.01, 0.0]) for second in range(3)]
    lines += [status(second * S, values={"inliers": "40"}) for second in range(3)]
    folder = make_folder([*lines, status(3 * S, "LOST", reason="too_few_matches")])
    lens = {"fx": 60.0, "fy": 60.0, "cx": 31.5, "cy": 23.5, "width": 64, "height": 48}
    about = {
        "mounts": {"camera": np.eye(4).ravel().tolist()},
        "cameras": {"camera": {**lens, "thumbnail_width": 32}},
    }
    (folder / "run.json").write_text(json.dumps(about))
    (folder / "thumbnails").mkdir()
    cv2.imwrite(str(folder / "thumbnails" / "0.jpg"), np.zeros((24, 32), np.uint8))
    (one,) = load_conditions(folder, EvaluationConfig())
    write_rerun(tmp_path / "rrd" / "a.rrd", one, np.zeros((5, 3)))
    data = (tmp_path / "rrd" / "a.rrd").read_bytes()
    assert data.startswith(b"RRF")
    for entity in ("map/points", "map/truth", "map/fixes", "map/base/camera/image", "map/spread",
                   "errors/position_cm", "evidence/inliers", "status"):  # fmt: skip
        assert entity.encode() in data, entity
