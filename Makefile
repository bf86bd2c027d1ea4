# make demo   a camera is localized over ROS 2, from nothing: environment, world, map, nodes, report
# make test   the same environment, then every test (ARGS="test/geometry -k se3" chooses)
# make setup  the environment only; make lint: ruff and mypy; make clean: back to nothing
#
# Without a ROS distribution everything comes from PyPI into .venv, in the versions of
# constraints.txt. Where one is sourced, its packages are used and only the rest is added.

PYTHON ?= python3
VENV ?= $(if $(ROS_DISTRO),.venv-$(ROS_DISTRO),.venv)
ARGS ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
STAMPS := $(VENV)/.stamps
DISK_GB := 11
INSTALLED_FILES := setup.py setup.cfg package.xml semloc_ros/__init__.py \
	$(wildcard resource/* launch/*.py config/*.yaml models/* rviz/* scripts/*)

# set by the Python of another environment, it would hide the libraries of this one
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE
# the nodes start with `#!/usr/bin/env python3`
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: demo test lint setup config clean

demo: setup
	$(BIN)/semloc demo $(ARGS)

test: setup
	$(BIN)/python -m pytest $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/mypy

config: setup
	$(BIN)/semloc config --write .

setup: $(STAMPS)/package

clean:
	rm -rf .venv .venv-* build install log out *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "semloc_ros: expected Python 3.10 or newer, got $$($(PYTHON) --version 2>&1)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "semloc_ros: this Python cannot make environments: apt install python3-venv"; exit 1; }
ifndef ROS_DISTRO
	@command -v $(CXX) >/dev/null || { \
	  echo "semloc_ros: no compiler ($(CXX)), it builds tf2_msgs: apt install g++"; exit 1; }
	@$(PYTHON) -c 'import os, sys, sysconfig as s; \
	  sys.exit(not os.path.exists(s.get_path("include") + "/Python.h"))' || { \
	  echo "semloc_ros: no Python.h, it builds tf2_msgs: apt install python3-dev"; exit 1; }
endif
	@free=$$(df -Pk . | awk 'NR == 2 {print int($$4 / 1000000)}'); [ "$$free" -ge $(DISK_GB) ] || \
	  echo "semloc_ros: expected $(DISK_GB) GB of free disk (7 stay, most is PyTorch), got $$free"
	$(PYTHON) -m venv $(if $(ROS_DISTRO),--system-site-packages) $(VENV)
	@mkdir -p $(STAMPS) && touch $@

ifdef ROS_DISTRO

# What the distribution has is kept as it is: no constraints, its own OpenCV if it has one, and
# the numpy generation that its cv_bridge is compiled for.
NUMPY = $(shell $(BIN)/python -c 'import numpy as n; print("numpy<2" if n.__version__ < "2" else "numpy")')

# The distribution's `ros2` runs in the system's Python: it finds the package by these two.
export AMENT_PREFIX_PATH := $(abspath $(VENV)):$(AMENT_PREFIX_PATH)
export PYTHONPATH := $(CURDIR):$(PYTHONPATH)

$(STAMPS)/package: $(STAMPS)/venv $(INSTALLED_FILES)
	$(BIN)/python -c 'import cv2' 2>/dev/null || $(PIP) install opencv-python-headless
	$(PIP) install '$(NUMPY)' -e '.[datasets,demo,masks,onnx,pose,torch,test]'
	@touch $@

else

$(STAMPS)/requirements: $(STAMPS)/venv constraints.txt setup.cfg pip_ros/requirements.txt
	@echo "== packages from PyPI (a few minutes the first time)"
	$(PIP) install -c constraints.txt setuptools wheel
	$(PIP) install -c constraints.txt -r pip_ros/requirements.txt
	$(PIP) install -c constraints.txt --no-build-isolation -e '.[opencv,datasets,demo,masks,onnx,pose,torch,test]'
	@touch $@

$(STAMPS)/pip_ros: $(STAMPS)/requirements $(shell find pip_ros -type f -not -name '*.pyc')
	@echo "== ROS packages that PyPI lacks (pip_ros/)"
	$(BIN)/python pip_ros/install.py
	@touch $@

$(STAMPS)/package: $(STAMPS)/pip_ros $(INSTALLED_FILES)
	@echo "== semloc_ros"
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

endif
