"""A network in a process of its own, which gives way to others.

In the process of what must be quick it would hold Python's lock at the wrong moments, and the
longer the less it matters to the system.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import DynamicConfig
from semloc_ros.errors import EnvironmentFault, SemlocError, expected
from semloc_ros.perception.dynamic_masks import load_dynamic
from semloc_ros.types import Instances

_RESTART_S = 5.0  # from one start of a process to the next


class SegmenterProcess:
    """A `DynamicSegmenter` that works elsewhere, until `close`; threads wait for each other.

    Its process is nicer than this one by `nice`. The constructor raises what `load_dynamic` does.
    """

    def __init__(self, model: str, config: DynamicConfig, nice: int = 0) -> None:
        self._given = model, config, nice
        self._turn = threading.Lock()  # an answer is that of the last question
        self._is_closed = False
        self._start()

    def segment(self, image: NDArray[np.uint8]) -> Instances:
        """See `DynamicSegmenter`; EnvironmentFault if the process has ended. One that was killed,
        as for its memory, is started again with a later image."""
        with self._turn:
            rested = time.monotonic() - self._started_s >= _RESTART_S
            if rested and not self._is_closed and not self._process.is_alive():
                self._connection.close()
                self._start()
            try:
                self._connection.send(image)
            except OSError:
                raise self._ended() from None
            found: Instances = self._answer()
            return found

    def close(self) -> None:
        """End the process; it may finish an image first."""
        self._is_closed = True
        self._connection.close()
        self._process.join(timeout=1.0)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._started_s = time.monotonic()
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, *self._given), daemon=True
        )
        self._process.start()
        theirs.close()
        self.name, self.computed_by, self.classes = self._answer()

    def _answer(self) -> Any:
        try:
            answer = self._connection.recv()
        except (EOFError, OSError):
            raise self._ended() from None
        if isinstance(answer, SemlocError):
            raise answer
        return answer

    def _ended(self) -> EnvironmentFault:
        self._process.join(timeout=1.0)
        got = f"one that ended with {self._process.exitcode}"
        return EnvironmentFault(expected("network", "a process that answers", got))


def _serve(connection: Connection, model: str, config: DynamicConfig, nice: int) -> None:
    """Answer until the other side is gone; Ctrl-C is meant for that one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(nice)
    try:
        segmenter = load_dynamic(model, config)
        connection.send((segmenter.name, segmenter.computed_by, segmenter.classes))
        while True:
            image = connection.recv()
            try:
                connection.send(segmenter.segment(image))
            except SemlocError as error:
                connection.send(error)
    except SemlocError as error:
        connection.send(error)
    except (EOFError, OSError):
        return
