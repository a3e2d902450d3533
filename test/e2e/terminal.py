"""Answers the questions of a program on a terminal: terminal.py '[["question", "answer"], ...]' PROGRAM ARGS...

Waits for each question on a pseudo-terminal, types the answer, prints everything that the terminal showed
and exits with the program's exit code. Exits with 99 if a question does not appear within 30 seconds.
"""

from __future__ import annotations

import json
import os
import pty
import select
import sys
import time
from typing import NoReturn

script = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])

shown = b""


def stop(wanted: bytes | None) -> NoReturn:
    sys.stdout.buffer.write(shown)
    sys.stdout.flush()
    print(f"\nnot shown: {wanted!r}")
    os.kill(pid, 9)
    sys.exit(99)


def read_until(wanted: bytes | None, start: int) -> int:
    """Returns the end of `wanted` in the output from `start` on; None waits for the end of the program."""
    global shown
    deadline = time.monotonic() + 30
    while wanted is None or wanted not in shown[start:]:
        ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            stop(wanted)
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # EIO: the program has closed its side
            chunk = b""
        if not chunk:
            return stop(wanted) if wanted is not None else -1
        shown += chunk
    return shown.index(wanted, start) + len(wanted)


at = 0
for question, answer in script:
    at = read_until(question.encode(), at)
    os.write(terminal, answer.encode())
read_until(None, at)
sys.stdout.buffer.write(shown)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
