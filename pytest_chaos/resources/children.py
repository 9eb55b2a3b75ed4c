"""Child processes, as far as a rule that never fired wants to know: were there any, and which?"""

from __future__ import annotations

import os
import sys


def running_children() -> tuple[int, ...]:
    """Return the process ids of living children; empty where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return ()
    found: list[int] = []
    try:
        for thread in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{thread}/children", encoding="ascii") as file:  # noqa: PTH123  # hot enough
                found.extend(map(int, file.read().split()))
    except OSError:
        return ()  # a thread ended meanwhile, or the kernel does not offer the file
    return tuple(found)
