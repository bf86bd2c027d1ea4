"""One error family: what a user can mend is one clear line, without a traceback.

Every expected fault (a corrupt map, a wrong option, a missing file) is raised as a
`SemlocError` whose message names the thing, what was expected and what was found:
`manifest.json: expected schema 1, got 7`. The command line and the nodes print that line;
any other exception is a bug of ours and keeps its traceback.
"""


class SemlocError(Exception):
    """Base of every expected error."""


class InputError(SemlocError):
    """Data from outside (an image, a message, a file) is not what it must be."""


class ConfigError(SemlocError):
    """A parameter is unknown, of the wrong type or out of its range."""


class MapError(SemlocError):
    """A map folder is missing, damaged, or of a schema this version cannot read."""


class DatasetError(SemlocError):
    """A data set, bag or model folder lacks a file or has a broken one."""


class ModelError(SemlocError):
    """A file of a trained network is missing, damaged, or does not fit what it is used for."""


class EnvironmentFault(SemlocError):
    """The machine lacks something the command needs (ROS, a package, a device)."""


def expected(name: str, wanted: object, got: object) -> str:
    """The one wording of a border check: `name: expected …, got …`."""
    return f"{name}: expected {wanted}, got {got}"
