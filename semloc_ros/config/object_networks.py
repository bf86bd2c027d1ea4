"""What networks of objects of interest there are (Weinzaepfel et al., "Visual
Localization by Learning Objects-of-Interest Dense Match Regression", CVPR 2019)."""

from __future__ import annotations

OBJECT_ARCHITECTURES = ("mobile", "resnet50_fpn", "resnext101_32x8d_fpn")
OBJECT_HEADS = ("dense", "homography", "points3d")  # of matches; the last two are section 5.1's
