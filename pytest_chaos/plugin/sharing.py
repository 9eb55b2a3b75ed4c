"""What the workers of a spread session share: which keys and findings are taken, and which scenario each of them runs.

Both are files of one folder, for workers know nothing of each other, and a worker that dies leaves its file behind.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path


class Shared:
    """The folder, as one process sees it.

    Args:
        folder: The folder; empty in a process that shares nothing.
        worker: Name of this worker.
    """

    def __init__(self, folder: str = "", worker: str = "") -> None:
        self._folder = Path(folder) if folder else None
        self._worker = worker
        self._mine: set[tuple[str, ...]] = set()

    def take(self, key: tuple[str, ...]) -> bool:
        """Take a key or a finding, and tell whether it is this process's; the first one that asks for it gets it."""
        if self._folder is None or key in self._mine:
            return True
        name = hashlib.blake2b("\0".join(key).encode(), digest_size=16).hexdigest()
        try:
            (self._folder / f"{name}.key").touch(exist_ok=False)
        except FileExistsError:
            return False
        except FileNotFoundError:  # the session is over, and the folder was removed
            return False
        self._mine.add(key)
        return True

    def runs(self, scenario: str) -> None:
        """Note which scenario runs, once this worker's own tests are over; an empty text for none."""
        if self._folder is not None and self._folder.is_dir():
            (self._folder / f"{self._worker}.runs").write_text(scenario, encoding="utf-8")


class SharedFolder:
    """The folder, as the controller has it: made for the first worker, and removed at the end."""

    def __init__(self) -> None:
        self._path = ""

    @property
    def path(self) -> str:
        """Where it is."""
        if not self._path:
            self._path = tempfile.mkdtemp(prefix="pytest-chaos-")
        return self._path

    def ran_last(self, worker: str) -> str:
        """Return the scenario that a worker was running when it was heard of last, or an empty text."""
        file = Path(self._path, f"{worker}.runs")
        return file.read_text(encoding="utf-8") if self._path and file.exists() else ""

    def remove(self) -> None:
        """Remove it, with all that is in it; twice does no harm."""
        path, self._path = self._path, ""
        if path:
            shutil.rmtree(path, ignore_errors=True)
