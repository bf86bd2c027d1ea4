"""Folders of worlds: made beside their place, taken up again where a killed run stopped.

While it is made, a folder is `<folder>.partial` and holds `making.json`; then it gets `world.json`
and its name, by one rename. What is not ours is neither replaced nor deleted.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from semloc_ros.errors import DatasetError, expected
from semloc_ros.worlds.recording.frames import write_whole

WORLD_FILE = "world.json"
_MAKING_FILE = "making.json"
_FORMAT = 2  # of the folders; another one is another world

Fill = Callable[[Path, set[str]], Mapping[str, Any]]


def make_folder(folder: Path, facts: Mapping[str, Any], outputs: set[str], fill: Fill) -> bool:
    """Makes a folder unless it is there with these outputs; returns whether it was made.

    `facts` tell what it is made of; another folder of the same maker gives way. `fill(partial,
    outputs)` writes into `partial`, where some of it may be already, and returns what else is to
    stand in world.json. Raises DatasetError if something else is there or cannot be written.
    """
    folder = folder.resolve()
    fingerprint = _fingerprint(facts)
    try:
        if _is_there(folder, fingerprint, outputs):
            return False
        partial, outputs = _partial(folder, fingerprint, outputs)
        about = fill(partial, outputs)
        made = {**about, **facts, "outputs": sorted(outputs), "fingerprint": fingerprint}
        _finish(partial, folder, made)
    except OSError as error:
        wanted = "a folder that can be written"
        raise DatasetError(expected(str(folder), wanted, error.strerror or error)) from None
    return True


def read_world(folder: Path) -> dict[str, Any]:
    """What world.json of a folder says; DatasetError if it is not there or not ours."""
    about = _read(folder / WORLD_FILE)
    if "outputs" not in about:
        raise DatasetError(expected(str(folder / WORLD_FILE), "a world's description", "none"))
    return about


def _is_there(folder: Path, fingerprint: str, outputs: set[str]) -> bool:
    """Whether the folder is there; DatasetError if something else is."""
    found = _read(folder / WORLD_FILE)
    if folder.exists() and not folder.is_dir():
        raise DatasetError(expected(str(folder), "a new folder or a world", "a file"))
    if not found and folder.exists() and any(folder.iterdir()):
        raise DatasetError(expected(str(folder), "a new folder or a world", "other files"))
    return found.get("fingerprint") == fingerprint and outputs <= set(found.get("outputs", ()))


def _partial(folder: Path, fingerprint: str, outputs: set[str]) -> tuple[Path, set[str]]:
    """The folder to go on in (what a killed run left, a world that lacks an output, or a new one)
    and what it shall hold: a world that gets an output loses none."""
    partial = folder.with_name(folder.name + ".partial")
    there, making = _read(folder / WORLD_FILE), _read(partial / _MAKING_FILE)
    if partial.exists() and not making and any(partial.iterdir()):
        raise DatasetError(expected(str(partial), "the remains of a world", "other files"))
    if there.get("fingerprint") == fingerprint and "frames" in there["outputs"]:
        outputs = outputs | set(there["outputs"])
        shutil.rmtree(partial, ignore_errors=True)
        _write(folder / _MAKING_FILE, {"fingerprint": fingerprint, "outputs": sorted(outputs)})
        os.replace(folder, partial)
        (partial / WORLD_FILE).unlink()
    elif making.get("fingerprint") != fingerprint or not _serves(making, outputs):
        shutil.rmtree(partial, ignore_errors=True)
        _write(partial / _MAKING_FILE, {"fingerprint": fingerprint, "outputs": sorted(outputs)})
    return partial, outputs


def _serves(making: Mapping[str, Any], outputs: set[str]) -> bool:
    """Frames without their truth, made for a bag, are no dataset."""
    return "frames" not in outputs or "frames" in making.get("outputs", ())


def _finish(partial: Path, folder: Path, made: Mapping[str, Any]) -> None:
    _write(partial / WORLD_FILE, made)
    (partial / _MAKING_FILE).unlink()
    if folder.exists():
        shutil.rmtree(folder)
    os.replace(partial, folder)


def _fingerprint(facts: Mapping[str, Any]) -> str:
    """Hash of what a folder is made of and of the code that makes it."""
    digest = hashlib.sha256(json.dumps([_FORMAT, facts], sort_keys=True).encode())
    for source in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _write(path: Path, about: Mapping[str, Any]) -> None:
    write_whole(path, (json.dumps(about, indent=2) + "\n").encode())


def _read(path: Path) -> dict[str, Any]:
    """The facts in a file of ours, or none."""
    try:
        about = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) and "fingerprint" in about else {}
