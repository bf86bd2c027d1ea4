"""A network in a process of its own: what it finds, how nicely, its faults, its end."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from semloc_ros.config import DynamicConfig
from semloc_ros.errors import EnvironmentFault, InputError, ModelError
from semloc_ros.perception import segmenter_process
from semloc_ros.perception.dynamic_masks import load_dynamic
from semloc_ros.perception.segmenter_process import SegmenterProcess

pytest.importorskip("torch")
CONFIG = DynamicConfig(device="cpu", threads=1)
IMAGE = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)


def test_it_finds_the_same_and_gives_way_and_its_faults_come_back(monkeypatch):
    segmenter = SegmenterProcess("classes_street", CONFIG, nice=3)
    try:
        own = load_dynamic("classes_street", CONFIG)
        assert (segmenter.name, segmenter.classes) == (own.name, own.classes)
        np.testing.assert_array_equal(segmenter.segment(IMAGE).numbers, own.segment(IMAGE).numbers)
        pid = segmenter._process.pid
        wanted = min(os.getpriority(os.PRIO_PROCESS, os.getpid()) + 3, 19)
        assert os.getpriority(os.PRIO_PROCESS, pid) == wanted
        with pytest.raises(InputError, match="^image"):
            segmenter.segment(IMAGE.astype(float))
        assert len(segmenter.segment(IMAGE)) == len(own.segment(IMAGE)), "it goes on"
        sizes = [(48, 64), (64, 48), (40, 40)] * 4
        with ThreadPoolExecutor(3) as threads:
            images = [np.zeros((*size, 3), np.uint8) for size in sizes]
            found = list(threads.map(segmenter.segment, images))
        assert [one.numbers.shape for one in found] == sizes, "each thread gets its own answers"
        segmenter._process.kill()
        with pytest.raises(EnvironmentFault, match="^network: expected a process that answers"):
            segmenter.segment(IMAGE)
        monkeypatch.setattr(segmenter_process, "_RESTART_S", 0.0)
        np.testing.assert_array_equal(segmenter.segment(IMAGE).numbers, own.segment(IMAGE).numbers)
        assert segmenter._process.pid != pid
    finally:
        segmenter.close()
    with pytest.raises(EnvironmentFault):
        segmenter.segment(IMAGE)
    assert not segmenter._process.is_alive(), "what was closed is not started again"


def test_a_model_that_is_not_there_is_said():
    with pytest.raises(ModelError, match=r"^/nowhere/absent\.safetensors: expected a file"):
        SegmenterProcess("/nowhere/absent.safetensors", CONFIG)
