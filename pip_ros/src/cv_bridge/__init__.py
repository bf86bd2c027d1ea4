"""Converts between ROS images and OpenCV arrays: an API-compatible subset of cv_bridge."""

from cv_bridge.core import CvBridge, CvBridgeError

__all__ = ["CvBridge", "CvBridgeError"]
