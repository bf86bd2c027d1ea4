"""The classes of COCO (Lin et al., ECCV 2014) by the numbers that torchvision's networks give.

Numbers go to 90; the ten classes without data have the names that COCO's paper has for them.
"""

from __future__ import annotations

NAMES = (
    "background", "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck",
    "boat", "traffic light", "fire hydrant", "street sign", "stop sign", "parking meter", "bench",
    "bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "hat",
    "backpack", "umbrella", "shoe", "eye glasses", "handbag", "tie", "suitcase", "frisbee", "skis",
    "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard",
    "surfboard", "tennis racket", "bottle", "plate", "wine glass", "cup", "fork", "knife", "spoon",
    "bowl", "banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza",
    "donut", "cake", "chair", "couch", "potted plant", "bed", "mirror", "dining table", "window",
    "desk", "toilet", "door", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "blender", "book", "clock", "vase",
    "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
EMPTY = (
    "street sign", "hat", "shoe", "eye glasses", "plate", "mirror", "window", "desk", "door",
    "blender",
)  # fmt: skip
# the 80 classes with data, numbered without gaps and without a background: as many others do
NAMES_80 = tuple(name for name in NAMES[1:] if name not in EMPTY)

# Cimarelli et al. (AVSS 2019), table 1: found in King's College and masked there
DYNAMIC = (
    "person", "bicycle", "car", "truck", "handbag", "backpack", "motorcycle", "suitcase",
    "umbrella", "tie", "boat", "bird", "bus", "airplane", "dog", "horse",
)  # fmt: skip
