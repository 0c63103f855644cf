"""How the command line begins and ends: whoever stops it gets one line, and a terminal what it can show."""

from __future__ import annotations

import codecs
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from metagen.base.parallel import launched_rank

STOPPED = 128
"""Exit status of a stopped command: this and the number of the signal, as shells have it (130, 143)."""
PLAIN = str.maketrans(
    {"µ": "u", "×": "x", "·": "*", "−": "-", "–": "-", "…": "...", "→": "->", "↔": "<->", "°": " deg"}
    | {"²": "^2", "³": "^3", "≤": "<=", "≥": ">=", "≈": "~", "η": "eta", "λ": "lambda", "π": "pi", "±": "+-"}
)
"""For terminals that know no such letters; others become a question mark."""


class Stopped(BaseException):
    """Stands for KeyboardInterrupt where Typer would take that for its own."""


class Stop:
    """Turns the signals that ask a process to end into KeyboardInterrupt, and knows which one came.

    Whatever cleans up after Ctrl-C does so after SIGTERM: no partial file stays, and work that can go on
    later is saved.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as with nohup
                signal.signal(number, self._came)

    def _came(self, number: int, _: FrameType | None) -> None:
        self.number = number
        raise KeyboardInterrupt

    def end(self) -> NoReturn:
        """Say how to go on, and end."""
        word = "interrupted" if self.number in (None, signal.SIGINT) else "stopped"
        if launched_rank() == 0:
            print(f"{word}: what was finished is on disk; run it again to go on", file=sys.stderr)
        sys.exit(STOPPED + (self.number or signal.SIGINT))


def open_streams() -> None:
    """Make the standard streams such that anything can be printed.

    Where one is closed, the next file that is opened would take its number, and be written into by whoever
    prints there.
    """
    closed = [number for number in (0, 1, 2) if not _is_open(number)]
    for _ in closed:
        os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    codecs.register_error("plain", _in_plain_letters)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="plain")
    if 1 in closed and launched_rank() == 0:
        print("warning: standard output is closed; what would be printed there is lost", file=sys.stderr)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _in_plain_letters(error: UnicodeError) -> tuple[str, int]:
    """What stands for letters that a terminal does not know, and where to go on after them."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end].translate(PLAIN)
    return lost.encode("ascii", "replace").decode("ascii"), error.end


def end_after_broken_pipe() -> NoReturn:
    """End without a word: who read the output (``head``) has what it wants. Rich ends in the same way."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else Python would try to print the rest, and complain
    sys.exit(1)
