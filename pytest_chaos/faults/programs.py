"""Errors of programs that ended badly: they carry the command, and of its output what the caller wanted to have."""

from __future__ import annotations

import sys
from typing import Any

from pytest_chaos.faults.base import FaultyCall

_AS_TEXT = ("text", "universal_newlines", "encoding", "errors")


def with_output(error: Any, call: FaultyCall) -> Any:
    """Return a ``CalledProcessError`` as ``subprocess`` makes it for a call, or any other error as it is.

    A program that said nothing is told: its output is empty where it was captured, and ``None`` where it was not.

    Args:
        error: An error that was made from the texts of a rule.
        call: The call that raises it, such as one of ``subprocess.run``.
    """
    subprocess: Any = sys.modules.get("subprocess")
    if subprocess is None or type(error) is not subprocess.CalledProcessError:
        return error
    if error.output is not None or error.stderr is not None:
        return error  # whoever wrote the rule has said it
    args, named = call.arguments()
    nothing: Any = "" if any(named.get(name) for name in _AS_TEXT) else b""
    out, err = (
        nothing if named.get("capture_output") or named.get(name) == subprocess.PIPE else None
        for name in ("stdout", "stderr")
    )
    command = named.get("args", args[0] if args else error.cmd)
    return subprocess.CalledProcessError(error.returncode, command, out, err)
