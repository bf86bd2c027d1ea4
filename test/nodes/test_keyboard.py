"""The space bar, in a terminal of our own."""

import os
import pty
import subprocess
import sys
import time

import pytest

# leads a session with the terminal, and runs the program in the group it is told
JOB = """
import fcntl, os, subprocess, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
back = sys.argv[1] == "background"
child = subprocess.Popen([sys.executable, "-c", sys.argv[2]], process_group=0 if back else None)
_, status = os.waitpid(child.pid, os.WUNTRACED)
print("stopped" if os.WIFSTOPPED(status) else "ended", flush=True)
if os.WIFSTOPPED(status):
    child.kill()
"""
PROGRAM = """
import threading
from semloc_ros.nodes.keyboard import space_pressed
pressed = threading.Event()
with space_pressed(pressed.set):
    print("pressed" if pressed.wait(SECONDS) else "not pressed", flush=True)
"""


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Popen has no process_group")
@pytest.mark.parametrize(
    ("place", "seconds", "said"),
    [("foreground", 20.0, "pressed"), ("background", 0.3, "not pressed")],
)
def test_space_is_heard_in_front_and_a_job_behind_is_not_stopped(place, seconds, said):
    ours, theirs = pty.openpty()
    program = PROGRAM.replace("SECONDS", str(seconds))
    process = subprocess.Popen(
        [sys.executable, "-c", JOB, place, program],
        stdin=theirs, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    while process.poll() is None:  # what is typed before it listens is lost
        os.write(ours, b" ")
        time.sleep(0.1)
    out, _ = process.communicate()
    os.close(ours)
    os.close(theirs)
    assert out.split("\n")[:2] == [said, "ended"]
