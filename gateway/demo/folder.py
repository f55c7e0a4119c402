"""The demo's directory: locked while a demo runs, emptied of the demo's own files and of nothing else."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from gateway.demo.errors import DemoFailed, FolderInUse
from gateway.demo.plan import CONFIGURATION_FILE, DATABASE_FILE, LOCK_FILE

OWN_FILES = (f"{DATABASE_FILE}*", CONFIGURATION_FILE, "gateway.log", "simulator.log")


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the directory, made where it is missing.

    Raises:
        FolderInUse: another demo holds it.
        DemoFailed: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK_FILE).open("a+")
    except OSError as error:
        raise DemoFailed(f"{folder}: {error.strerror}", fix="choose another directory with --dir") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUse(
                f"another demo (process {_holder(folder)}) runs in {folder}",
                fix="end it with Ctrl-C there, or choose another directory with --dir",
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def empty(folder: Path) -> None:
    """Remove what an earlier demo left; files of others stay."""
    for pattern in OWN_FILES:
        for path in folder.glob(pattern):
            path.unlink()


def _holder(folder: Path) -> str:
    return (folder / LOCK_FILE).read_text(encoding="utf-8").strip() or "unknown"
