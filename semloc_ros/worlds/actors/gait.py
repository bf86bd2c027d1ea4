"""How people hold themselves: joint angles while walking, standing and cycling.

Angles in radians; 0 lets a limb hang straight down. Positive swings a limb forward; knees and
elbows bend by positive angles. All lengths are shares of the height.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semloc_ros.types import FloatArray

HIP, HIP_HALF = 0.53, 0.05
SHOULDER, SHOULDER_HALF = 0.285, 0.118  # above the hips; to the side
CHIN = 0.355  # above the hips
THIGH, SHIN = 0.245, 0.246
UPPER_ARM, FOREARM = 0.17, 0.15
PHASES = 16  # poses of one walking cycle
_SWING = 0.42  # of the legs
# A bicycle, metres from the ground midway between its wheels: (x, z)
SADDLE, CRANK = 0.9, 0.17
PEDALS, HANDS = np.array([-0.02, 0.28]), np.array([0.4, 1.02])
PEDALLED = 5.2  # metres in a turn of the pedals
_PEDAL_PHASES = 12


@dataclass(frozen=True, slots=True)
class Joints:
    """Angles: `hips`, `knees`, `shoulders`, `elbows` (left, right); `splay` of the arms to the
    sides; `lean` of the trunk ahead; `nod` of the head ahead. `seat` (x, z) metres of the hips of
    who sits, else None: the feet carry."""

    hips: tuple[float, float] = (0.0, 0.0)
    knees: tuple[float, float] = (0.0, 0.0)
    shoulders: tuple[float, float] = (0.0, 0.0)
    elbows: tuple[float, float] = (0.1, 0.1)
    splay: float = 0.09
    lean: float = 0.02
    nod: float = 0.0
    seat: tuple[float, float] | None = None


def stride(height: float) -> float:
    """Metres walked in a cycle of two steps."""
    return 4 * (THIGH + SHIN) * float(np.sin(_SWING)) * height * 0.92


def walking(way: float, height: float) -> Joints:
    """The pose after walking `way` metres; feet alternate."""
    phase = 2 * np.pi * (round(way / stride(height) * PHASES) % PHASES) / PHASES
    turn = np.array([phase, phase + np.pi])
    hips = _SWING * np.sin(turn) + 0.06
    # the knee bends while its leg swings ahead, and yields a little under load
    knees = 0.08 + 0.95 * np.maximum(np.cos(turn + 0.45), 0) ** 2
    shoulders = -0.42 * np.sin(turn)
    elbows = 0.25 + 0.2 * np.maximum(np.sin(turn + np.pi), 0)
    return Joints(_pair(hips), _pair(knees), _pair(shoulders), _pair(elbows), lean=0.05)


STANDING = (
    Joints(hips=(0.03, -0.02)),
    Joints(hips=(0.08, -0.05), knees=(0.12, 0.0), shoulders=(-0.35, -0.35), elbows=(0.15, 0.15),
           splay=-0.12),  # hands behind the back
    Joints(hips=(-0.02, 0.06), knees=(0.0, 0.1), shoulders=(0.25, 0.0), elbows=(2.0, 0.15),
           nod=0.25),  # looks at what one hand holds
    Joints(hips=(0.04, 0.0), shoulders=(0.3, 0.25), elbows=(1.5, 1.6), splay=-0.1),  # folded arms
    Joints(hips=(0.0, 0.0), shoulders=(0.0, 1.2), elbows=(0.1, 0.3), nod=-0.12),  # points
)  # fmt: skip


def limb_frames(joints: Joints, height: float) -> dict[str, FloatArray]:
    """person_from_limb (4, 4) by limb, for someone of this height; the hips stand above the
    origin at their standing height, or on the seat."""
    x, z = (0.0, HIP * height) if joints.seat is None else joints.seat
    hips = _move(x, 0, z)
    torso = hips @ _pitch(-joints.lean)
    neck = _move(0.008 * height, 0, CHIN * height)
    frames = {"torso": torso, "head": torso @ neck @ _pitch(joints.lean - joints.nod)}
    for k, (name, side) in enumerate((("left", 1), ("right", -1))):
        joint = _move(0, side * SHOULDER_HALF * height, SHOULDER * height)
        upper = torso @ joint @ _roll(side * joints.splay)
        upper = upper @ _pitch(joints.shoulders[k] + joints.lean)
        fore = upper @ _move(0, 0, -UPPER_ARM * height) @ _pitch(joints.elbows[k])
        thigh = hips @ _move(0, side * HIP_HALF * height, 0) @ _pitch(joints.hips[k])
        shin = thigh @ _move(0, 0, -THIGH * height) @ _pitch(-joints.knees[k])
        level = -0.75 * (joints.hips[k] - joints.knees[k])
        frames |= {
            f"{name}_upper_arm": upper,
            f"{name}_forearm": fore,
            f"{name}_thigh": thigh,
            f"{name}_shin": shin,
            f"{name}_foot": shin @ _move(0, 0, -SHIN * height) @ _pitch(level),
        }
    return frames


def cycling(way: float, height: float) -> Joints:
    """The pose of a cyclist after `way` metres: hands on the bar, feet on the pedals."""
    phase = 2 * np.pi * (round(way / PEDALLED * _PEDAL_PHASES) % _PEDAL_PHASES) / _PEDAL_PHASES
    seat = np.array([-0.2, SADDLE + 0.06])
    hips, knees = [], []
    for turn in (phase, phase + np.pi):
        ankle = PEDALS + CRANK * np.array([np.cos(turn), -np.sin(turn)]) + [-0.06, 0.1]
        ahead, inner, bend = _reach(ankle - seat, THIGH * height, SHIN * height)
        hips.append(ahead + inner)
        knees.append(bend)
    lean = 0.45
    shoulder = seat + SHOULDER * height * np.array([np.sin(lean), np.cos(lean)])
    ahead, inner, bend = _reach(HANDS - shoulder, UPPER_ARM * height, (FOREARM + 0.06) * height)
    return Joints(
        _pair(np.array(hips)), _pair(np.array(knees)), (ahead - inner,) * 2, (bend,) * 2,
        splay=0.05, lean=lean, nod=0.1, seat=(float(seat[0]), float(seat[1])),
    )  # fmt: skip


def _reach(gap: FloatArray, first: float, second: float) -> tuple[float, float, float]:
    """Two links that span `gap` (x, z): its angle, that between it and the first link, and how
    far the joint between them bends."""
    far = min(float(np.hypot(*gap)), 0.999 * (first + second))
    inner = np.arccos(np.clip((first**2 + far**2 - second**2) / (2 * first * far), -1, 1))
    bend = np.pi - np.arccos(np.clip((first**2 + second**2 - far**2) / (2 * first * second), -1, 1))
    return float(np.arctan2(gap[0], -gap[1])), float(inner), float(bend)


def _pair(values: FloatArray) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def _move(x: float, y: float, z: float) -> FloatArray:
    moved = np.eye(4)
    moved[:3, 3] = x, y, z
    return moved


def _pitch(angle: float) -> FloatArray:
    """Swings what hangs forward."""
    turned = np.eye(4)
    c, s = np.cos(angle), np.sin(angle)
    turned[0, 0], turned[0, 2], turned[2, 0], turned[2, 2] = c, -s, s, c
    return turned


def _roll(angle: float) -> FloatArray:
    """Swings what hangs to the left."""
    turned = np.eye(4)
    c, s = np.cos(angle), np.sin(angle)
    turned[1, 1], turned[1, 2], turned[2, 1], turned[2, 2] = c, -s, s, c
    return turned
