"""Claims: one process at a time, none that outlives its process, and no silent work without locks."""

import errno
import os
import subprocess
import sys
import threading
import time

import pytest

from metagen.base.claims import claim, holder, release
from metagen.base.errors import InputError

HOLD = """
import sys, time
from pathlib import Path
from metagen.base.claims import claim
lock = claim(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""
CONTENDERS = 4
SECONDS = 0.5
"""Of threads that take and give back one claim as fast as they can; a lock that did not see that its file had
been removed was held twice some thousand times a second."""


def test_a_claim_that_passes_from_hand_to_hand_is_never_held_twice(tmp_path):
    """No result is left, as when a simulation fails: then nothing but the lock keeps others away."""
    inside, most, end = [], [], time.monotonic() + SECONDS

    def contend():
        while time.monotonic() < end:
            if lock := claim(tmp_path / "field.h5"):
                inside.append(lock)
                most.append(len(inside))
                time.sleep(0)
                inside.pop()
                release(lock)

    threads = [threading.Thread(target=contend) for _ in range(CONTENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_holds_nothing_and_a_living_one_says_who_it_is(tmp_path):
    target = tmp_path / "field.h5"
    with subprocess.Popen([sys.executable, "-c", HOLD, target], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        assert f"process {process.pid}, since " in holder(target)
        assert claim(target) is None
        process.kill()
    assert holder(target) is None
    lock = claim(target)
    assert f"process {os.getpid()}, since " in holder(target)
    release(lock)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_refused(tmp_path, monkeypatch, number):
    """What Lustre without the option flock and NFS without a lock daemon answer."""

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(InputError, match="cannot lock files"):
        claim(tmp_path / "field.h5")
