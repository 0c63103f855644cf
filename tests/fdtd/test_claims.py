"""Claims: one process at a time, none that outlives its process, and no silent work without locks."""

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from metagen.base.claims import claim, holder, release
from metagen.base.errors import AccessError, InputError
from metagen.base.mounts import node_local_locks
from metagen.fdtd.claims import check_locks

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


MOUNTS = """/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw,vers=4.2,local_lock=none 0 0
server:/old /old nfs rw,vers=3,nolock,proto=tcp 0 0
server:/my /my\\040data nfs rw,local_lock=flock 0 0
mds:/scratch /scratch lustre rw,localflock,lazystatfs 0 0
mds:/work /work lustre rw,flock,lazystatfs 0 0
tmpfs /old/node tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("/home/me/fields", None),
        ("/old/fields", "nfs, nolock"),
        ("/old/node/fields", None),
        ("/my data/fields", "nfs, local_lock=flock"),
        ("/scratch", "lustre, localflock"),
        ("/var/fields", None),
        ("/elsewhere", None),
    ],
)
def test_the_mount_table_tells_where_locks_end_at_the_node(tmp_path, folder, reason):
    table = tmp_path / "mounts"
    table.write_text(MOUNTS)
    assert node_local_locks(Path(folder), table) == reason
    assert node_local_locks(Path(folder), tmp_path / "none") is None


def test_where_locks_end_at_the_node_that_is_said_and_no_lock_file_is_removed(tmp_path, monkeypatch):
    """Another node may hold the same file."""
    check_locks(tmp_path)
    assert list(tmp_path.iterdir()) == []
    for room in ("base", "fdtd"):
        monkeypatch.setattr(f"metagen.{room}.claims.node_local_locks", lambda _: "nfs, nolock")
    with pytest.warns(UserWarning, match=r"locks end at this node \(nfs, nolock\)"):
        check_locks(tmp_path)
    release(claim(tmp_path / "field.h5"))
    assert (tmp_path / ".field.h5.lock").exists()
    assert holder(tmp_path / "field.h5") is None


def test_a_lock_that_cannot_be_looked_at_is_not_taken_for_none(tmp_path, monkeypatch):
    lock = claim(tmp_path / "field.h5")
    monkeypatch.setattr("fcntl.flock", _refuse)
    with pytest.raises(AccessError, match="its holder is not known"):
        holder(tmp_path / "field.h5")
    monkeypatch.undo()
    release(lock)


def _refuse(*_):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
