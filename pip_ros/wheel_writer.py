"""Writes a wheel file from a table of files, so that pip can install it and uninstall it again.

No build backend is needed: a wheel is a zip with three text files beside the content
(the binary distribution format of the Python Packaging User Guide).
"""

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

Content = Path | str | bytes


@dataclass
class WheelContent:
    """What one distribution installs.

    `modules` maps paths below site-packages, `prefix` maps paths below the environment's root,
    to a source file or to the text itself; `scripts` maps a command to `module:function`.
    """

    name: str
    version: str
    summary: str
    tag: str = "py3-none-any"
    modules: dict[str, Content] = field(default_factory=dict)
    prefix: dict[str, Content] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)


def read(content: Content) -> bytes:
    """The bytes of a file, a text or bytes."""
    if isinstance(content, Path):
        return content.read_bytes()
    return content.encode() if isinstance(content, str) else content


def digest(files: Mapping[str, Content]) -> str:
    """A short hash of names and contents: equal tables give equal versions."""
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(name.encode() + b"\0" + hashlib.sha256(read(files[name])).digest())
    return total.hexdigest()[:12]


def write_wheel(wheel: WheelContent, folder: Path) -> Path:
    """Write `wheel` into `folder` and return the path of the file."""
    stem = f"{wheel.name.replace('-', '_')}-{wheel.version}"
    info = f"{stem}.dist-info"
    members = dict(wheel.modules)
    members.update({f"{stem}.data/data/{path}": item for path, item in wheel.prefix.items()})
    members.update({f"{info}/{path}": item for path, item in _metadata(wheel).items()})
    path = folder / f"{stem}-{wheel.tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        record = [_add(archive, name, read(item)) for name, item in members.items()]
        archive.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]))
    return path


def _metadata(wheel: WheelContent) -> dict[str, Content]:
    pure = "true" if wheel.tag.endswith("any") else "false"
    entries = [f"{command} = {target}" for command, target in wheel.scripts.items()]
    return {
        "METADATA": f"Metadata-Version: 2.1\nName: {wheel.name}\nVersion: {wheel.version}\n"
        f"Summary: {wheel.summary}\nLicense: Apache-2.0\n",
        "WHEEL": f"Wheel-Version: 1.0\nGenerator: pip_ros\nRoot-Is-Purelib: {pure}\n"
        f"Tag: {wheel.tag}\n",
        "entry_points.txt": "\n".join(["[console_scripts]", *entries, ""]),
    }


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> str:
    archive.writestr(name, data)
    checksum = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={checksum},{len(data)}"
