"""Runners of commands: their answer is an exit code."""

from __future__ import annotations

import os
from typing import Any

from pytest_chaos.answers.watching import Client, Seen


def _click(result: Any, runner: Any, command: Any, args: Any = None, *more: Any, **named: Any) -> Seen:
    words = args if isinstance(args, str) else " ".join(map(str, args or ()))
    name = getattr(command, "name", None) or "command"
    output = str(result.output).encode(errors="replace")
    return Seen("run", f"{name} {words}".strip(), result.exit_code, (), output)


def _subprocess(done: Any, *args: Any, **named: Any) -> Seen:
    stderr = done.stderr.encode(errors="replace") if isinstance(done.stderr, str) else done.stderr
    return Seen("run", _command(done.args), done.returncode, body=stderr)


def _subprocess_raised(error: Any, *args: Any, **named: Any) -> Seen | None:
    return Seen("run", _command(error.cmd), error.returncode) if hasattr(error, "returncode") else None


def _ended(nothing: Any, process: Any, *args: Any, **named: Any) -> Seen | None:
    if process.returncode < 0:
        return None  # by a signal: somebody has ended it
    return Seen("run", _command(process.args), process.returncode)


def _command(args: Any) -> str:
    if isinstance(args, str | bytes | os.PathLike):
        return os.fsdecode(args)
    return " ".join(os.fsdecode(word) for word in args)


RUNNERS: tuple[Client, ...] = (
    Client("Click's runner", "click.testing", "CliRunner.invoke", _click, kind="exit"),
    Client("subprocess", "subprocess", "run", _subprocess, _subprocess_raised, kind="exit"),
    # Whoever waits for a process comes here, once.
    Client("subprocess", "subprocess", "Popen._handle_exitstatus", _ended, kind="exit"),
)
