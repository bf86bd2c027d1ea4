"""Nothing may be left behind, whatever ends the command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from semloc_ros.cli.processes import end_like_ctrl_c, running, sleep, wait_for
from semloc_ros.errors import EnvironmentFault

# a child with a grandchild; both write their process numbers
FAMILY = """
import os, subprocess, sys, time, signal
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open(sys.argv[1], "w").write(f"{os.getpid()} {grandchild.pid}")
time.sleep(60)
"""


def family(folder: Path, ear: str = "hears") -> list[str]:
    return [sys.executable, "-c", FAMILY, str(folder / "pids"), ear]


def pids(folder: Path) -> list[int]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if (folder / "pids").exists() and (folder / "pids").read_text():
            return [int(word) for word in (folder / "pids").read_text().split()]
        time.sleep(0.02)
    raise AssertionError("the family did not start")


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_leaving_the_block_ends_the_whole_family(tmp_path: Path) -> None:
    with running("family", family(tmp_path), os.environ, tmp_path / "log"):
        members = pids(tmp_path)
        assert all(map(alive, members))
    assert not any(map(alive, members))


def test_an_exception_ends_the_family_too(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="boom"),
        running("family", family(tmp_path), os.environ, tmp_path / "log"),
    ):
        members = pids(tmp_path)
        raise ValueError("boom")
    assert not any(map(alive, members))


@pytest.mark.parametrize("word", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_command_ends_the_family(tmp_path: Path, word: int) -> None:
    program = f"""
import os
from pathlib import Path
from semloc_ros.cli.processes import end_like_ctrl_c, running, wait_for
end_like_ctrl_c()
with running("family", {family(tmp_path)!r}, os.environ, Path({str(tmp_path / "log")!r})) as child:
    wait_for(child, [])
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(word, signal.SIG_DFL),  # the tests may run under nohup
    )  # fmt: skip
    members = pids(tmp_path)
    process.send_signal(word)
    process.communicate(timeout=30)
    assert not any(map(alive, members))


@pytest.fixture
def ctrl_c_is_heard() -> Iterator[None]:
    """Also where the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_signal_while_the_process_starts_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ctrl_c_is_heard: None
) -> None:
    real = subprocess.Popen

    def interrupted(*arguments: Any, **options: Any) -> Any:
        process = real(*arguments, **options)
        members.extend(pids(tmp_path))
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)
        return process

    members: list[int] = []
    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with (
        pytest.raises(KeyboardInterrupt),
        running("family", family(tmp_path), os.environ, tmp_path / "log"),
    ):
        raise AssertionError("the block must not begin")
    assert len(members) == 2 and not any(map(alive, members))


def test_what_was_started_under_nohup_outlives_its_terminal() -> None:
    words = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {word: signal.getsignal(word) for word in words}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        end_like_ctrl_c()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    finally:
        for word, handler in before.items():
            signal.signal(word, handler)


def test_a_process_that_dies_while_it_settles_is_a_failure(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('bye')"]
    with (
        running("node", command, os.environ, tmp_path / "log") as node,
        pytest.raises(EnvironmentFault, match=r"node: .* code 0\nbye"),
    ):
        sleep(20.0, [node])


def test_who_ignores_ctrl_c_is_stopped_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = {signal.SIGINT: 0.3, signal.SIGTERM: 5.0, signal.SIGKILL: 5.0}
    monkeypatch.setattr("semloc_ros.cli.processes._PATIENCE_S", patience)
    with running("family", family(tmp_path, "deaf"), os.environ, tmp_path / "log"):
        members = pids(tmp_path)
    assert not any(map(alive, members))


def test_a_failure_shows_the_end_of_the_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('the cause'); raise SystemExit(3)"]
    with (
        pytest.raises(EnvironmentFault, match=r"worker: .* code 3\nthe cause"),
        running("worker", command, os.environ, tmp_path / "log") as child,
    ):
        wait_for(child, [])


def test_a_needed_process_that_ends_is_a_failure(tmp_path: Path) -> None:
    short = [sys.executable, "-c", "print('bye')"]
    with (
        running("needed", short, os.environ, tmp_path / "short.log") as needed,
        running("worker", family(tmp_path), os.environ, tmp_path / "log") as worker,
        pytest.raises(EnvironmentFault, match=r"needed: .* code 0\nbye"),
    ):
        wait_for(worker, [needed])


def test_a_good_end_is_no_failure(tmp_path: Path) -> None:
    with running("worker", [sys.executable, "-c", ""], os.environ, tmp_path / "log") as child:
        wait_for(child, [])
