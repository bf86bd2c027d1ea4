// Copyright: the authors of semloc_ros. SPDX-License-Identifier: Apache-2.0
//
// Which keypoints stand on what moves; the same rule as semloc_ros/perception/keypoint_filter.py.
// One header without dependencies, C++11. A keypoint is anything with pt.x and pt.y, as
// cv::KeyPoint. See docs/orb_slam3.md for where it goes.

#ifndef SEMLOC_DYNAMIC_MASK_HPP
#define SEMLOC_DYNAMIC_MASK_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace semloc {

// A mask of an image, 0 = static, made ready for many questions.
class DynamicMask {
 public:
  DynamicMask() : width_(0), height_(0) {}  // nothing moves

  // `data`: rows of `width` bytes, `stride` bytes from one to the next; it is not kept.
  DynamicMask(const std::uint8_t* data, int width, int height, std::size_t stride)
      : width_(width), height_(height), sums_((width + 3) * (height + 3), 0) {
    for (int row = 0; row < height + 2; ++row) {
      for (int column = 0; column < width + 2; ++column) {
        const bool inside = row > 0 && row <= height && column > 0 && column <= width;
        const bool dynamic = inside && data[(row - 1) * stride + (column - 1)] != 0;
        at(row + 1, column + 1) =
            at(row, column + 1) + at(row + 1, column) - at(row, column) + (dynamic ? 1 : 0);
      }
    }
  }

  // Whether no dynamic pixel lies within `radius` of (x, y) along either axis; (0, 0) is the
  // centre of the first pixel. Not finite: no.
  bool is_static(double x, double y, double radius) const {
    if (!std::isfinite(x) || !std::isfinite(y) || !std::isfinite(radius)) return false;
    if (sums_.empty()) return true;
    const int left = pixel(x - radius, width_), right = pixel(x + radius, width_) + 1;
    const int top = pixel(y - radius, height_), bottom = pixel(y + radius, height_) + 1;
    return at(bottom, right) - at(top, right) - at(bottom, left) + at(top, left) == 0;
  }

  // Removes the keypoints that are not static. `scale` pixels of the mask's image per pixel of
  // the keypoints, as of a level of a pyramid; `shift` is added to a keypoint before that;
  // `radius` is in the keypoints' pixels.
  template <class KeyPoint>
  void remove_dynamic(std::vector<KeyPoint>& keypoints, double radius, double scale = 1.0,
                      double shift = 0.0) const {
    const auto moves = [&](const KeyPoint& one) {
      return !is_static((one.pt.x + shift) * scale, (one.pt.y + shift) * scale, radius * scale);
    };
    keypoints.erase(std::remove_if(keypoints.begin(), keypoints.end(), moves), keypoints.end());
  }

 private:
  // Where a coordinate lies in the framed image: 0 and `size` + 1 are beside it.
  static int pixel(double value, int size) {
    return static_cast<int>(std::min(std::max(std::floor(value + 1.5), 0.0), size + 1.0));
  }

  std::int32_t& at(int row, int column) { return sums_[row * (width_ + 3) + column]; }
  std::int32_t at(int row, int column) const { return sums_[row * (width_ + 3) + column]; }

  int width_, height_;
  std::vector<std::int32_t> sums_;  // dynamic pixels above and left, of the image with a frame
};

}  // namespace semloc

#endif  // SEMLOC_DYNAMIC_MASK_HPP
