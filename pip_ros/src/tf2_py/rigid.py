"""Rigid transforms as plain tuples (x, y, z, qx, qy, qz, qw).

A lookup composes two to six of them. At that size Python floats are several times faster than
numpy arrays, whose overhead per call exceeds the arithmetic.
"""

import math

Pose = tuple[float, float, float, float, float, float, float]
IDENTITY: Pose = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)


def compose(outer: Pose, inner: Pose) -> Pose:
    """The transform that applies `inner` first: a_from_c = compose(a_from_b, b_from_c)."""
    ox, oy, oz, ax, ay, az, aw = outer
    px, py, pz, bx, by, bz, bw = inner
    # v + 2 w (a x v) + 2 a x (a x v), with the factor 2 in the first cross product
    cx, cy, cz = 2 * (ay * pz - az * py), 2 * (az * px - ax * pz), 2 * (ax * py - ay * px)
    return (
        ox + px + aw * cx + ay * cz - az * cy,
        oy + py + aw * cy + az * cx - ax * cz,
        oz + pz + aw * cz + ax * cy - ay * cx,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def inverse(pose: Pose) -> Pose:
    """b_from_a of a_from_b."""
    x, y, z, qx, qy, qz, qw = pose
    return compose((0.0, 0.0, 0.0, -qx, -qy, -qz, qw), (-x, -y, -z, 0.0, 0.0, 0.0, 1.0))


def interpolate(first: Pose, second: Pose, fraction: float) -> Pose:
    """Linear in position, spherical (the short way) in rotation; fraction 0 is `first`."""
    keep = 1.0 - fraction
    dot = sum(a * b for a, b in zip(first[3:], second[3:], strict=True))
    sign = -1.0 if dot < 0.0 else 1.0
    angle = math.acos(min(1.0, abs(dot)))
    sine = math.sin(angle)
    if sine > 1e-9:
        from_first = math.sin(keep * angle) / sine
        from_second = sign * math.sin(fraction * angle) / sine
    else:
        from_first, from_second = keep, sign * fraction
    a, b = first, second
    return (
        keep * a[0] + fraction * b[0],
        keep * a[1] + fraction * b[1],
        keep * a[2] + fraction * b[2],
        from_first * a[3] + from_second * b[3],
        from_first * a[4] + from_second * b[4],
        from_first * a[5] + from_second * b[5],
        from_first * a[6] + from_second * b[6],
    )
