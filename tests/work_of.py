"""How much work a call does, in lines of Python and in memory: independent of the speed of the machine."""

import sys
import tracemalloc


def work_of(call):
    """How many lines of Python a call executes, and how many bytes it has in use at the most."""
    before, lines = sys.gettrace(), 0

    def tracer(_frame, event, _argument):
        nonlocal lines
        lines += event == "line"
        return tracer

    tracemalloc.start()
    sys.settrace(tracer)
    try:
        call()
    finally:
        sys.settrace(before)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return lines, peak
