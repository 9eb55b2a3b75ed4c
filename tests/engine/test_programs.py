"""Errors of programs that ended badly: what a handler finds in them."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

PIPE = subprocess.PIPE
SHOP = """
import subprocess

def runs(*args, **named):
    return subprocess.run(*args, **named)
"""


@pytest.fixture
def shop(lab: Any) -> Any:
    return lab.module("shop", SHOP)


@pytest.mark.parametrize(
    ("named", "output", "stderr"),
    [
        ({}, None, None),
        ({"capture_output": True}, b"", b""),
        ({"capture_output": True, "text": True}, "", ""),
        ({"stdout": PIPE}, b"", None),
        ({"stderr": PIPE, "encoding": "utf-8"}, None, ""),
        ({"stdout": subprocess.DEVNULL}, None, None),
    ],
)
def test_error_carries_the_command_and_what_was_captured(
    shop: Any, lab: Any, named: Any, output: Any, stderr: Any
) -> None:
    rule = "subprocess:run = raise(subprocess:CalledProcessError, 3, 'the command')"

    with lab.window(rule) as chaos, pytest.raises(subprocess.CalledProcessError) as caught:
        shop.runs(["tar", "-x"], check=True, **named)

    error = caught.value
    assert (3, ["tar", "-x"], output, stderr) == (error.returncode, error.cmd, error.output, error.stderr)
    assert str(error) == "Command '['tar', '-x']' returned non-zero exit status 3."
    assert 1 == chaos.journal.injected_errors


def test_error_that_was_written_with_its_output_stays_as_it_is(shop: Any, lab: Any) -> None:
    rule = "subprocess:run = raise(subprocess:CalledProcessError, 3, 'x', 'said', 'more')"

    with lab.window(rule), pytest.raises(subprocess.CalledProcessError) as caught:
        shop.runs(["tar"], check=True)

    assert ("x", "said", "more") == (caught.value.cmd, caught.value.output, caught.value.stderr)
