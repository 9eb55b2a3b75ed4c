"""Child processes, as far as a rule that never fired wants to know: were there any, and which?"""

from __future__ import annotations

import sys
from pathlib import Path


def running_children() -> tuple[int, ...]:
    """Return the process ids of living children; empty where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return ()
    found: list[int] = []
    try:
        for thread in Path("/proc/self/task").iterdir():
            found.extend(map(int, (thread / "children").read_text(encoding="ascii").split()))
    except OSError:
        return ()  # a thread ended meanwhile, or the kernel does not offer the file
    return tuple(found)
