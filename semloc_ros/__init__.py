"""semloc_ros: where is this camera, in places that change and are full of people and cars."""

__version__ = "0.1.0"
