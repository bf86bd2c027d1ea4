"""Generates and compiles a ROS message package for Python from its .msg files.

The ROS wheels carry rosidl's generators and headers but not every message package. This module
runs the generators (C structures, Fast DDS, introspection and dispatch type supports, Python)
and compiles what they write with the system's compiler, as rosidl's CMake macros do in a
distribution.
"""

import contextlib
import io
import logging
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

TYPESUPPORTS = (
    "rosidl_typesupport_c",
    "rosidl_typesupport_fastrtps_c",
    "rosidl_typesupport_introspection_c",
)


class BuildFault(Exception):
    """The machine lacks something the build needs: one line says what and how to mend it."""


@dataclass(frozen=True)
class InterfacePackage:
    """A message package: its name, the folder with package.xml and msg/, what its fields use."""

    name: str
    folder: Path
    dependencies: tuple[str, ...]

    @property
    def messages(self) -> list[Path]:
        """The .msg files."""
        return sorted(self.folder.glob("msg/*.msg"))


def check_tools() -> None:
    """Raise BuildFault where a compiler or the headers of Python or numpy are missing."""
    for tool in (*_compiler("CC"), *_compiler("CXX")):
        if not tool.startswith("-") and shutil.which(tool) is None:
            raise BuildFault(f"compiler: expected {tool} on PATH, got none (apt install g++)")
    header = Path(sysconfig.get_paths()["include"], "Python.h")
    if not header.exists():
        raise BuildFault(f"Python headers: expected {header}, got none (apt install python3-dev)")


def build(package: InterfacePackage, prefix: Path, work: Path) -> tuple[Path, Path]:
    """Generate and compile `package` below `work`; returns the folders (python package, libraries).

    `prefix` is the environment with the ROS wheels: include/, lib/ and share/ are read there.
    """
    check_tools()
    source = work / "source"
    _translate(package, source)
    _generate(package, source, prefix / "share", work)
    python, libraries = work / "py" / package.name, work / "lib"
    (python / "__init__.py").touch()
    libraries.mkdir()
    _compile(package, prefix, work, libraries)
    return python, libraries


def _translate(package: InterfacePackage, source: Path) -> None:
    """Write the .idl file that the generators read beside a copy of each .msg file."""
    from rosidl_adapter.msg import convert_msg_to_idl

    (source / "msg").mkdir(parents=True)
    for message in package.messages:
        shutil.copy(message, source / "msg")
        relative = message.relative_to(package.folder)
        with contextlib.redirect_stdout(io.StringIO()):
            convert_msg_to_idl(source, package.name, relative, source / "msg")


def _generate(package: InterfacePackage, source: Path, share: Path, work: Path) -> None:
    # Separate folders: two generators write a file of the same name.
    from rosidl_generator_c.cli import GenerateC
    from rosidl_generator_py.cli import GeneratePython
    from rosidl_typesupport_c.cli import GenerateCTypesupport
    from rosidl_typesupport_fastrtps_c.cli import GenerateFastRTPSCTypesupport
    from rosidl_typesupport_introspection_c.cli import GenerateIntrospectionCTypesupport

    generators = {
        "c": GenerateC,
        "fastrtps": GenerateFastRTPSCTypesupport,
        "introspection": GenerateIntrospectionCTypesupport,
        "dispatch": GenerateCTypesupport,
        "py": GeneratePython,
    }
    interfaces = [f"{source}:{path.relative_to(source)}" for path in source.glob("msg/*.idl")]
    logging.getLogger("rosidl_cli.entry_points").setLevel(logging.ERROR)
    for folder, generator in generators.items():
        output = work / folder / package.name
        output.mkdir(parents=True)
        generator(folder).generate(package.name, interfaces, [str(share)], output)


def _compile(package: InterfacePackage, prefix: Path, work: Path, libraries: Path) -> None:
    """Compile the five shared libraries, then the three extension modules that link to them."""
    linker = _Linker(prefix, work, libraries)
    structures, *others = _libraries(package)
    linker.link(structures)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(linker.link, others))
        list(pool.map(linker.link_extension, [package] * len(TYPESUPPORTS), TYPESUPPORTS))


@dataclass(frozen=True)
class _Library:
    """A shared library: its name, the folder with its sources, the libraries that it needs."""

    name: str
    folder: str
    needs: tuple[str, ...]


def _libraries(package: InterfacePackage) -> list[_Library]:
    """The package's libraries; the first holds the structures that all others need."""
    structures = f"{package.name}__rosidl_generator_c"

    def library(suffix: str, folder: str, *needs: str) -> _Library:
        name = f"{package.name}__{suffix}"
        used = [f"{dependency}__{suffix}" for dependency in package.dependencies]
        first = [] if name == structures else [structures]
        return _Library(name, folder, (*first, *used, *needs))

    fastrtps, introspection, dispatch = (
        "rosidl_typesupport_fastrtps_c",
        "rosidl_typesupport_introspection_c",
        "rosidl_typesupport_c",
    )
    fast_dds = (fastrtps, "rosidl_typesupport_fastrtps_cpp", "rmw", ":libfastcdr.so.2")
    return [
        library("rosidl_generator_c", "c", "rosidl_runtime_c", "rcutils"),
        library(fastrtps, "fastrtps", *fast_dds),
        library(introspection, "introspection", introspection),
        library(dispatch, "dispatch", dispatch, "rosidl_runtime_c"),
        library("rosidl_generator_py", "py"),
    ]


class _Linker:
    """Compiles sources against the headers and libraries of one environment."""

    def __init__(self, prefix: Path, work: Path, libraries: Path) -> None:
        import numpy

        self.prefix, self.work, self.libraries = prefix, work, libraries
        folders = [work / name for name in ("c", "fastrtps", "introspection", "dispatch")]
        folders += [prefix / "include"]
        folders += [path for path in (prefix / "include").iterdir() if path.is_dir()]
        folders += [Path(sysconfig.get_paths()["include"]), Path(numpy.get_include())]
        self.includes = [f"-I{folder}" for folder in folders]

    def link(self, library: _Library) -> None:
        """Compile every source in the library's folder, except those of extension modules."""
        folder = self.work / library.folder
        found = (*folder.rglob("*.c"), *folder.rglob("*.cpp"))
        sources = [path for path in found if ".ep." not in path.name]
        self._run(sources, self.libraries / f"lib{library.name}.so", library.needs, "$ORIGIN")

    def link_extension(self, package: InterfacePackage, support: str) -> None:
        """Compile the module that hands one type support of the package to rclpy."""
        python = self.work / "py" / package.name
        source = python / f"_{package.name}_s.ep.{support}.c"
        output = python / f"{package.name}_s__{support}{sysconfig.get_config_var('EXT_SUFFIX')}"
        needs = ("rosidl_generator_py", "rosidl_generator_c", TYPESUPPORTS[0], support)
        # From site-packages/<package> up to the environment's lib.
        names = [f"{package.name}__{name}" for name in dict.fromkeys(needs)]
        self._run([source], output, names, "$ORIGIN/../../..")

    def _run(
        self, sources: Sequence[Path], output: Path, needs: Iterable[str], runpath: str
    ) -> None:
        cpp = any(path.suffix == ".cpp" for path in sources)
        compiler = [*_compiler("CXX"), "-std=c++17"] if cpp else [*_compiler("CC"), "-std=gnu11"]
        command = [*compiler, "-O2", "-shared", "-fPIC", "-w", *self.includes, *map(str, sources)]
        command += [f"-L{self.libraries}", f"-L{self.prefix / 'lib'}", f"-Wl,-rpath,{runpath}"]
        command += [*(f"-l{name}" for name in needs), "-o", str(output)]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            raise BuildFault(f"{output.name}: {shlex.join(compiler)} failed\n{result.stderr}")


def _compiler(variable: str) -> list[str]:
    default = {"CC": "cc", "CXX": "c++"}[variable]
    return shlex.split(os.environ.get(variable, default))


def fingerprint() -> str:
    """What a build depends on beside its sources: interpreter, numpy's ABI, the generators."""
    from importlib.metadata import version

    import numpy

    numpy_abi = numpy.__version__.split(".")[0]
    return f"{sys.implementation.cache_tag} {numpy_abi} {version('ros-rosidl-generator-py')}"
