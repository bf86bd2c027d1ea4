"""Where ROS packages lie."""

from __future__ import annotations

import os
from pathlib import Path

from ament_index_python.packages import get_package_prefix, get_package_share_directory
from launch import LaunchContext, SomeSubstitutionsType, Substitution
from launch.substitutions import SubstitutionFailure
from launch.utilities import describe, normalize_to_list_of_substitutions, perform

__all__ = ["ExecutableInPackage", "FindPackagePrefix", "FindPackageShare"]


class _OfPackage(Substitution):
    def __init__(self, package: SomeSubstitutionsType) -> None:
        self.package = normalize_to_list_of_substitutions(package)

    def describe(self) -> str:
        """Name of the class, with the package."""
        return f"{type(self).__name__.replace('Package', 'Pkg')}(pkg={describe(self.package)})"


class FindPackagePrefix(_OfPackage):
    """The prefix in which a package is installed."""

    def perform(self, context: LaunchContext) -> str:
        """The folder; PackageNotFoundError where there is none."""
        return str(get_package_prefix(perform(context, self.package)))


class FindPackageShare(_OfPackage):
    """The share folder of a package."""

    def perform(self, context: LaunchContext) -> str:
        """The folder; PackageNotFoundError where there is none."""
        return str(get_package_share_directory(perform(context, self.package)))


class ExecutableInPackage(Substitution):
    """The path of a node: <prefix>/lib/<package>/<executable>."""

    def __init__(self, executable: SomeSubstitutionsType, package: SomeSubstitutionsType) -> None:
        self.executable = normalize_to_list_of_substitutions(executable)
        self.package = normalize_to_list_of_substitutions(package)

    def describe(self) -> str:
        """ExecInPkg(executable, package)."""
        return f"ExecInPkg(pkg={describe(self.package)}, exec={describe(self.executable)})"

    def perform(self, context: LaunchContext) -> str:
        """The path; PackageNotFoundError or SubstitutionFailure where there is none."""
        package = perform(context, self.package)
        name = perform(context, self.executable)
        folder = Path(get_package_prefix(package), "lib", package)
        path = folder / name
        if not (path.is_file() and os.access(path, os.X_OK)):
            raise SubstitutionFailure(
                f"executable '{name}' not found on the libexec directory '{folder}' "
            )
        return str(path)
