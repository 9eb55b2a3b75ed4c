"""Runners of commands: their answer is an exit code."""

from __future__ import annotations

from typing import Any

from pytest_chaos.answers.watching import Client, Seen


def _click(result: Any, runner: Any, command: Any, args: Any = None, *more: Any, **named: Any) -> Seen:
    words = args if isinstance(args, str) else " ".join(map(str, args or ()))
    name = getattr(command, "name", None) or "command"
    output = str(result.output).encode(errors="replace")
    return Seen("run", f"{name} {words}".strip(), result.exit_code, (), output)


def _subprocess(done: Any, *args: Any, **named: Any) -> Seen:
    command = done.args if isinstance(done.args, str) else " ".join(map(str, done.args))
    stderr = done.stderr.encode(errors="replace") if isinstance(done.stderr, str) else done.stderr
    return Seen("run", command, done.returncode, body=stderr)


def _subprocess_raised(error: Any, *args: Any, **named: Any) -> Seen | None:
    if not hasattr(error, "returncode"):
        return None
    command = error.cmd if isinstance(error.cmd, str) else " ".join(map(str, error.cmd))
    return Seen("run", command, error.returncode)


RUNNERS: tuple[Client, ...] = (
    Client("Click's runner", "click.testing", "CliRunner.invoke", _click, kind="exit"),
    Client("subprocess", "subprocess", "run", _subprocess, _subprocess_raised, kind="exit"),
)
