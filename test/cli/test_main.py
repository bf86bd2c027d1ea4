"""`semloc`: what every command has in common."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer

import semloc_ros
from semloc_ros.cli import main
from semloc_ros.errors import MapError


def semloc(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "semloc_ros.cli.main", *words]
    # a wide and plain terminal, so that words are found whole
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.fixture
def app(monkeypatch):
    """`main()` with one command, `go`, that does what the test says."""

    def run(action):
        replaced = typer.Typer(pretty_exceptions_enable=False)
        replaced.command("go")(action)
        monkeypatch.setattr(main, "app", replaced)
        monkeypatch.setattr(sys, "argv", ["semloc"])
        with pytest.raises(SystemExit) as ended:
            main.main()
        return ended.value.code

    return run


def raising(error):
    def action() -> None:
        raise error

    return action


def test_expected_fault_is_one_line_and_exit_code_1(app, capfd) -> None:
    assert app(raising(MapError("map/manifest.json: expected schema 1, got [7]"))) == 1
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err == "semloc: map/manifest.json: expected schema 1, got [7]\n"


def test_bug_keeps_its_traceback(monkeypatch) -> None:
    replaced = typer.Typer(pretty_exceptions_enable=False)
    replaced.command("go")(raising(ZeroDivisionError("a bug")))
    monkeypatch.setattr(main, "app", replaced)
    monkeypatch.setattr(sys, "argv", ["semloc"])
    with pytest.raises(ZeroDivisionError):
        main.main()


def test_ctrl_c_is_quiet(app, capfd) -> None:
    assert app(raising(KeyboardInterrupt())) == 130
    assert "Traceback" not in capfd.readouterr().err


def test_missing_library_says_what_to_install(app, capfd) -> None:
    assert app(raising(ModuleNotFoundError("No module named 'cv2'", name="cv2"))) == 1
    assert "pip install 'semloc_ros[opencv]'" in capfd.readouterr().err


def test_version_and_help() -> None:
    assert semloc("--version").stdout.strip() == semloc_ros.__version__
    shown = semloc("--help")
    assert shown.returncode == 0
    for command in ("map", "world", "demo", "replay", "doctor", "config"):
        assert f" {command} " in shown.stdout


def test_help_answers_at_once() -> None:
    def used() -> float:
        times = os.times()
        return times.children_user + times.children_system

    semloc("--help")
    before = used()
    semloc("--help")
    assert used() - before < 1.0  # of processor time; about 0.3 s where nothing else runs


def test_heavy_libraries_are_not_imported_for_help() -> None:
    code = "import sys, semloc_ros.cli.main; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    heavy = {"cv2", "scipy", "matplotlib", "pycolmap", "rosbags", "rclpy", "numba", "faiss"}
    assert not heavy & set(shown.stdout.split())


def test_unknown_command_is_an_error_of_usage() -> None:
    assert semloc("no-such-command").returncode == 2
