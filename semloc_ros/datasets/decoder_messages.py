"""What the decoders of images write to standard error by themselves, kept off the user's screen.

libpng and libjpeg print their complaints from C, past Python's `sys.stderr`; of a JPEG file that
was cut they say nothing else: its lower part comes out grey.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2


@contextmanager
def decoder_messages() -> Iterator[list[str]]:
    """Lines written to the file descriptor of standard error inside; the list is filled at the end.

    For a command that does one thing at a time: what other threads write is caught as well.
    """
    lines: list[str] = []
    kept = os.dup(_STDERR)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), _STDERR)
        try:
            yield lines
        finally:
            os.dup2(kept, _STDERR)
            os.close(kept)
            caught.seek(0)
            lines += caught.read().decode(errors="replace").splitlines()


def cut_short(lines: list[str]) -> bool:
    """Whether a decoder said that the file ends too early; other messages are of no harm."""
    return any("premature end" in line.lower() for line in lines)
