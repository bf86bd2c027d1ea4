"""From sensor_msgs/CameraInfo (ROS 1 or 2) to `Camera`."""

from __future__ import annotations

from typing import Any

from semloc_ros.errors import DatasetError, InputError, expected
from semloc_ros.geometry.cameras import check_camera
from semloc_ros.types import Camera, CameraModel

_MODELS: dict[str, CameraModel] = {
    "plumb_bob": "radtan",
    "rational_polynomial": "radtan",
    "equidistant": "fisheye",
    "fisheye": "fisheye",
    "kannala_brandt4": "fisheye",
}


def camera_from_info(name: str, info: Any) -> Camera:
    """The camera of a CameraInfo message, for the unrectified image.

    Raises DatasetError of one line for zero K, an unknown lens model, or binning.
    """
    matrix = [float(value) for value in _field(info, "k")]
    model, distortion = _lens(name, info)
    if info.binning_x > 1 or info.binning_y > 1:
        binning = f"{info.binning_x}x{info.binning_y}"
        raise DatasetError(expected(name, "an image without binning", binning))
    camera = Camera(
        model, int(info.width), int(info.height),
        matrix[0], matrix[4], matrix[2], matrix[5], distortion,
    )  # fmt: skip
    try:
        return check_camera(name, camera)
    except InputError as error:
        raise DatasetError(str(error)) from None


def _lens(name: str, info: Any) -> tuple[CameraModel, tuple[float, ...]]:
    coefficients = tuple(float(value) for value in _field(info, "d"))
    if not any(coefficients) and info.distortion_model not in ("equidistant", "fisheye"):
        return "pinhole", ()
    if info.distortion_model not in _MODELS:
        wanted = " or ".join(_MODELS)
        raise DatasetError(expected(name, wanted, repr(info.distortion_model)))
    model = _MODELS[info.distortion_model]
    known = 4 if model == "fisheye" else 8
    if any(coefficients[known:]):  # thin prism and tilt terms
        raise DatasetError(expected(name, f"at most {known} coefficients", len(coefficients)))
    return model, coefficients[:known]


def _field(info: Any, letter: str) -> Any:
    """ROS 1 writes K and D, ROS 2 k and d."""
    return (
        getattr(info, letter.upper(), None)
        if hasattr(info, letter.upper())
        else getattr(info, letter)
    )
