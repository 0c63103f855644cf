"""A program in a process of its own, which is asked line by line."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

WORDS = 300
"""Of what a program says when it ends early, the last so many characters are passed on."""


class Worker:
    """Each request is one line of JSON; it is answered by as many lines as it has items."""

    def __init__(self, command: list[str | Path], environment: dict[str, str]) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        )

    def ask(self, items: list[Any]) -> list[Any]:
        """The answer to every item.

        Raises:
            RuntimeError: the program ended before it had answered.
        """
        assert self._process.stdin is not None
        try:
            print(json.dumps(items), file=self._process.stdin, flush=True)
            return [json.loads(self._line()) for _ in items]
        except (BrokenPipeError, EOFError):
            raise RuntimeError(self._process.communicate()[1].strip()[-WORDS:]) from None

    def _line(self) -> str:
        """The next answer; programs also print other things."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("["):
                return line
        raise EOFError

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()
