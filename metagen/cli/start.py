"""Where the command line starts: before anything is imported that takes time."""

from __future__ import annotations

from metagen.cli.ends import Stop, Stopped, open_streams


def main() -> None:
    """Run the command line; see :func:`metagen.cli.app.run` for how expected errors end it."""
    open_streams()
    stop = Stop()
    try:
        from metagen.cli.app import run  # this takes some tenths of a second, in which Ctrl-C may come

        run()
    except BaseException as error:  # a library that is interrupted may raise anything
        if stop.number is None and not isinstance(error, Stopped):
            raise
        stop.end()
