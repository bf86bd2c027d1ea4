#!/usr/bin/env bash
# Runs the contract tests against the upstream packages, on a machine without a ROS distribution.
#
#     pip_ros/against_upstream.sh FOLDER     FOLDER takes sources, builds and an environment
#
# tf2's C++ core and its Python binding are compiled against the ROS wheels' headers. So is
# cv_bridge's C++ part where OpenCV 4 and Boost.Python are found (apt install libopencv-dev
# libboost-python-dev, or OPENCV_ROOT=folder with a usr/ of both); else its tests are left out.
# On a machine with a distribution none of this is needed: source it and run pytest.
set -euo pipefail

project=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "${1:?folder for sources and builds}"
work=$(cd "$1" && pwd)
base=${GIT_BASE:-https://github.com}
root=${OPENCV_ROOT:-}
venv=$work/venv
libraries=$root/usr/lib/$(c++ -dumpmachine | sed 's/-pc-/-/; s/-unknown-/-/')

checkout() { # repository branch-or-tag folder
  [ -d "$work/$3" ] || git -c advice.detachedHead=false clone -q --depth 1 --branch "$2" "$base/$1.git" "$work/$3"
}

make_environment() {
  [ -x "$venv/bin/pytest" ] && return
  "${PYTHON:-python3}" -m venv "$venv"
  # The versions of Ubuntu 24.04, for which upstream is written.
  "$venv/bin/pip" install -q -r "$project/pip_ros/requirements.txt" pytest rosbags transforms3d \
    numpy==1.26.4 opencv-python-headless==4.10.0.84 'scipy<1.16'
}

compile() { # output, then arguments
  local output=$1 folder
  shift
  local includes=(-I"$venv/include" -I"$python_headers" -I"$numpy_headers")
  for folder in "$venv"/include/*/; do includes+=(-I"$folder"); done
  c++ -std=c++17 -O2 -shared -fPIC -w "$@" "${includes[@]}" -L"$venv/lib" -o "$output"
}

build_tf2() {
  local source=$work/geometry2
  "$venv/bin/python" "$project/pip_ros/install.py" --only-messages
  compile "$venv/lib/libtf2.so" -I"$source/tf2/include" "$source"/tf2/src/*.cpp -lrcutils
  cp -r "$source/tf2_py/tf2_py" "$source/tf2_ros_py/tf2_ros" "$packages"
  compile "$packages/tf2_py/_tf2_py.so" -I"$source/tf2/include" "$source/tf2_py/src/tf2_py.cpp" \
    -ltf2 -lrcutils
  # Stand-ins for what upstream imports and the tests do not use: a service and an action.
  mkdir -p "$packages/tf2_msgs/srv" "$packages/tf2_msgs/action"
  echo 'from std_srvs.srv import Trigger as FrameGraph' >"$packages/tf2_msgs/srv/__init__.py"
  echo 'class LookupTransform: pass' >"$packages/tf2_msgs/action/__init__.py"
}

build_cv_bridge() {
  local source=$work/vision_opencv/cv_bridge boost=$packages/cv_bridge/boost
  local generated=$work/generated
  local boost_python=boost_python${python_version//./}
  mkdir -p "$generated/cv_bridge" "$generated/opencv2" "$boost"
  echo '#define CV_BRIDGE_EXPORT' >"$generated/cv_bridge/cv_bridge_export.h"
  # Only these parts of OpenCV are used; those that read and write files only from C++.
  printf '#include <opencv2/%s.hpp>\n' core imgproc >"$generated/opencv2/opencv.hpp"
  cat >"$generated/files.cpp" <<'CODE'
#include <opencv2/imgcodecs.hpp>
#include <stdexcept>
namespace cv {
bool imencode(const String &, InputArray, std::vector<uchar> &, const std::vector<int> &)
{ throw std::runtime_error("not built"); }
Mat imdecode(InputArray, int) { throw std::runtime_error("not built"); }
}
CODE
  cp "$source"/python/cv_bridge/*.py "$packages/cv_bridge"
  touch "$boost/__init__.py"
  compile "$boost/cv_bridge_boost.so" -DPYTHON3 -DOPENCV_VERSION_4 -I"$generated" \
    -I"$source/include" -I"$root/usr/include/opencv4" -I"$root/usr/include" \
    "$source"/src/{cv_bridge,rgb_colors,module,module_opencv4}.cpp "$generated/files.cpp" \
    -L"$libraries" -lopencv_core -lopencv_imgproc "-l$boost_python" -lrcpputils
}

install_launch() {
  local wanted=(launch/launch launch/launch_xml launch/launch_yaml launch_ros/launch_ros
    launch_ros/ros2launch ros2cli/ros2cli ros2cli/ros2pkg ros2cli/ros2run)
  "$venv/bin/pip" install -q lark osrf-pycommon packaging argcomplete psutil
  "$venv/bin/pip" install -q --no-deps "${wanted[@]/#/$work/}"
  # What launch_ros imports for component containers, which the tests do not use.
  mkdir -p "$packages/composition_interfaces/srv"
  echo 'from std_srvs.srv import Trigger as LoadNode' \
    >"$packages/composition_interfaces/srv/__init__.py"
}

unset _ROS_WHEELS_BOOTSTRAP_COMPLETE
for name in launch launch_ros ros2cli; do checkout "ros2/$name" jazzy "$name"; done
checkout ros2/geometry2 jazzy geometry2
checkout ros2/message_filters jazzy message_filters
checkout ros-perception/vision_opencv rolling vision_opencv
checkout DLu/tf_transformations 1.1.1 tf_transformations
make_environment
read -r packages python_headers numpy_headers python_version < <("$venv/bin/python" -c '
import numpy, sysconfig as s
print(s.get_path("purelib"), s.get_path("include"), numpy.get_include(), s.get_python_version())')

install_launch
build_tf2
cp -r "$work/message_filters/src/message_filters" "$work/tf_transformations/tf_transformations" \
  "$packages"
tests=("$project"/test/pip_ros/test_{launch,tf2_msgs,tf2_ros,message_filters,tf_transformations}.py)
if [ -d "$root/usr/include/opencv4" ]; then
  build_cv_bridge
  tests+=("$project/test/pip_ros/test_cv_bridge.py")
else
  echo "cv_bridge: no OpenCV 4 headers in $root/usr/include, its tests are left out"
fi
"$venv/bin/python" -c '
import importlib.metadata as m, launch, tf2_ros, message_filters, tf_transformations as t
assert not any(d.name == "semloc-pip-ros" for d in m.distributions()), "pip_ros is installed"
print("upstream:", launch.__file__, tf2_ros.__file__, message_filters.__file__, t.__file__, sep="\n  ")'
export LD_LIBRARY_PATH=$libraries:$libraries/blas:$libraries/lapack${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
cd "$project"
AMENT_PREFIX_PATH=$venv "$venv/bin/python" -m pytest -q -p no:cacheprovider "${tests[@]}"
