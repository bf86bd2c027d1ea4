"""Camera models against OpenCV, against numeric derivatives, and against themselves inverted."""

import cv2
import numpy as np
import pytest

from semloc_ros.errors import InputError
from semloc_ros.geometry import cameras
from semloc_ros.types import Camera

SIZE = (640, 480, 420.0, 415.0, 321.3, 236.8)
CAMERAS = {
    "pinhole": Camera("pinhole", *SIZE),
    "mild": Camera("radtan", *SIZE, (-0.05, 0.01, 1e-3, -5e-4)),
    "strong": Camera("radtan", *SIZE, (-0.32, 0.12, 1e-3, -5e-4, -0.02)),
    "pincushion": Camera("radtan", *SIZE, (0.3, 0.1, 2e-3, 1e-3, 0.01)),
    "rational": Camera("radtan", *SIZE, (5.1, 2.2, 1e-4, -2e-4, 0.08, 5.5, 3.9, 0.55)),
    "fisheye": Camera(
        "fisheye", 848, 800, 286.0, 286.5, 420.0, 401.0, (-0.007, 0.04, -0.038, 0.006)
    ),
    "wide": Camera("fisheye", 800, 800, 200.0, 200.0, 400.0, 400.0, (0.02, 0.002, -1e-3, 1e-5)),
}
RADTAN = ["mild", "strong", "pincushion", "rational"]


@pytest.fixture(params=CAMERAS)
def camera(request):
    return CAMERAS[request.param]


def points_in_front(number=500, spread=0.8, seed=0):
    rng = np.random.default_rng(seed)
    depth = rng.uniform(0.5, 20, number)
    return np.column_stack([rng.uniform(-spread, spread, (number, 2)) * depth[:, None], depth])


def opencv_pixels(camera, points):
    matrix, zero = cameras.intrinsic_matrix(camera), np.zeros(3)
    coefficients = np.array(camera.distortion)
    if camera.model == "fisheye":
        pixels, _ = cv2.fisheye.projectPoints(points[:, None], zero, zero, matrix, coefficients)
    else:
        pixels, _ = cv2.projectPoints(points, zero, zero, matrix, coefficients)
    return pixels[:, 0]


def test_projection_is_opencvs(camera):
    points = points_in_front()
    pixels, seen = cameras.project(camera, points)
    assert seen.mean() > 0.9
    np.testing.assert_allclose(pixels[seen], opencv_pixels(camera, points)[seen], atol=1e-6)


def test_unproject_inverts_project_everywhere_in_the_image(camera):
    u, v = np.meshgrid(
        np.linspace(-0.5, camera.width - 0.51, 60), np.linspace(-0.5, camera.height - 0.51, 50)
    )
    pixels = np.column_stack([u.ravel(), v.ravel()])
    if camera.model == "fisheye":  # the lens circle: its corners are black
        pixels = pixels[np.hypot(*(pixels - (camera.cx, camera.cy)).T) < 0.45 * camera.width]
    rays = cameras.unproject(camera, pixels)
    assert np.isfinite(rays).all()
    np.testing.assert_allclose(np.linalg.norm(rays, axis=1), 1.0)
    again, seen = cameras.project(camera, rays)
    assert seen.all()
    np.testing.assert_allclose(again, pixels, atol=1e-6)


@pytest.mark.parametrize("name", [*RADTAN, "fisheye"])
def test_undistorted_points_are_opencvs(name):
    camera = CAMERAS[name]
    pixels = opencv_pixels(camera, points_in_front(spread=0.5))
    matrix, coefficients = cameras.intrinsic_matrix(camera), np.array(camera.distortion)
    exact = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 500, 1e-14)
    if camera.model == "fisheye":
        truth = cv2.fisheye.undistortPoints(
            pixels[:, None], matrix, coefficients, P=matrix, criteria=exact
        )
    else:
        truth = (
            cv2.undistortPointsIter(pixels[:, None], matrix, coefficients, None, matrix, exact)
            if hasattr(cv2, "undistortPointsIter")
            else cv2.undistortPoints(
                pixels[:, None], matrix, coefficients, None, None, matrix, exact
            )
        )
    np.testing.assert_allclose(cameras.undistort_points(camera, pixels), truth[:, 0], atol=1e-4)


def test_jacobian_is_the_numeric_derivative(camera):
    points = points_in_front(50, spread=0.7)
    points[0] = [0, 0, 2.0]  # on the optical axis
    jacobian = cameras.project_jacobian(camera, points)
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = 1e-6
        ahead, behind = (cameras.project(camera, points + s)[0] for s in (step, -step))
        numeric = (ahead - behind) / 2e-6
        np.testing.assert_allclose(jacobian[:, :, axis], numeric, atol=2e-4)


def test_points_behind_the_camera_are_unseen_and_nan():
    for name in ("pinhole", "strong"):
        pixels, seen = cameras.project(CAMERAS[name], np.array([[0.1, 0.1, -1.0], [0, 0, 0]]))
        assert not seen.any() and np.isnan(pixels).all()
        assert np.isnan(cameras.project_jacobian(CAMERAS[name], np.array([[0.1, 0, -1.0]]))).all()


def test_fold_back_of_a_strong_lens_is_unseen():
    # This polynomial folds: OpenCV draws a point 65 degrees off axis INTO the image.
    camera = Camera("radtan", *SIZE, (-0.32, 0.03, 0.0, 0.0))
    far = np.array([[np.tan(np.radians(65.0)), 0, 1.0]])
    assert abs(opencv_pixels(camera, far)[0, 0] - camera.cx) < 320
    radii = np.linspace(0.01, 4.0, 400)
    row = np.column_stack([radii, 0 * radii, 1 + 0 * radii])
    pixels, seen = cameras.project(camera, row)
    u = opencv_pixels(camera, row)[:, 0]
    turning = np.argmax(np.diff(u) < 0)
    assert 0 < turning < 399, "the lens of this test must fold"
    assert seen[: turning - 1].all() and not seen[turning + 2 :].any()
    assert np.all(np.diff(pixels[seen, 0]) > 0)


def test_rational_lens_with_a_pole_is_cut_before_it():
    camera = Camera("radtan", *SIZE, (0.0, 0.0, 0.0, 0.0, 0.0, -0.25, 0.0, 0.0))
    _, seen = cameras.project(camera, np.array([[1.9, 0, 1.0], [2.1, 0, 1.0]]))
    assert seen.tolist() == [True, False]


def test_pixels_beyond_the_lens_have_no_ray():
    camera = Camera("radtan", *SIZE, (-0.32, 0.03, 0.0, 0.0))
    rays = cameras.unproject(camera, np.array([[5000.0, 240.0], [camera.cx, camera.cy]]))
    assert np.isnan(rays[0]).all()
    np.testing.assert_allclose(rays[1], [0, 0, 1])


def test_fisheye_sees_beyond_90_degrees():
    camera = CAMERAS["wide"]
    angle = np.radians([0.0, 60.0, 89.9, 90.0, 100.0])
    points = 3.0 * np.column_stack([np.sin(angle), 0 * angle, np.cos(angle)])
    pixels, seen = cameras.project(camera, points)
    assert seen.all() and np.all(np.diff(pixels[:, 0]) > 0)
    k1, k2, k3, k4 = camera.distortion
    radius = angle * (1 + k1 * angle**2 + k2 * angle**4 + k3 * angle**6 + k4 * angle**8)
    np.testing.assert_allclose(pixels[:, 0], camera.fx * radius + camera.cx, atol=1e-9)
    np.testing.assert_allclose(cameras.unproject(camera, pixels), points / 3.0, atol=1e-9)
    assert not np.isfinite(cameras.undistort_points(camera, pixels[3:])).any()


def test_inside_image_counts_pixel_centres():
    camera = CAMERAS["pinhole"]
    pixels = np.array([[-0.5, -0.5], [-0.51, 0], [639.49, 479.49], [639.5, 0], [np.nan, 3]])
    assert cameras.inside_image(camera, pixels).tolist() == [True, False, True, False, False]


@pytest.mark.parametrize("factor", [0.5, 2.0, 1 / 3])
def test_scaled_camera_fits_the_resized_image(camera, factor):
    small = cameras.scaled(camera, factor)
    assert (small.width, small.height) == (
        round(camera.width * factor),
        round(camera.height * factor),
    )
    # The corners of the image, not the centres of its corner pixels, must coincide.
    corners = np.array([[-0.5, -0.5], [camera.width - 0.5, camera.height - 0.5]])
    small_corners = np.array([[-0.5, -0.5], [small.width - 0.5, small.height - 0.5]])
    np.testing.assert_allclose(
        cameras.unproject(camera, corners), cameras.unproject(small, small_corners), atol=1e-9
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (Camera("pinhole", 640, 480, 0.0, 0.0, 0.0, 0.0), "focal lengths"),
        (Camera("pinhole", 0, 480, 1.0, 1.0, 0.0, 0.0), "positive size"),
        (Camera("pinhole", 640, 480, np.nan, 1.0, 0.0, 0.0), "finite"),
        (Camera("pinhole", 640, 480, 1.0, 1.0, 0.0, 0.0, (0.1,)), "coefficients for pinhole"),
        (Camera("radtan", 640, 480, 1.0, 1.0, 0.0, 0.0, (0.1,)), "4 or 5 or 8 coefficients"),
        (Camera("omni", 640, 480, 1.0, 1.0, 0.0, 0.0), "pinhole, radtan or fisheye"),
    ],
)
def test_impossible_cameras_are_one_clear_line(change, complaint):
    with pytest.raises(InputError, match=f"camera_info: expected .*{complaint}"):
        cameras.check_camera("camera_info", change)


def test_possible_cameras_pass(camera):
    assert cameras.check_camera("camera", camera) is camera
