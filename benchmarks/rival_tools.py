"""The tools that are compared: how each puts a fault on one callable, and how it takes it away again.

Each goes through the door that its users go through, read from the installed source. The fault is an error where the
tool has errors, and ``None`` where that is all it has.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import per_call
from subjects import Project, armed, rule

Outcome = tuple[str, object]
"""What a call did: that it answered or raised, and what."""


class Tool:
    """One tool.

    Attributes:
        name: How the tables call it.
        package: What is installed.
        way: How a fault is put on a callable, in a few words.
        once: How many calls a round of a timing makes, or 0 to find that out.
    """

    name: str
    package: str
    way: str
    once = 0

    def __init__(self) -> None:
        """Import what is needed."""
        self.version = version(self.package)

    def subject(self, project: Project, name: str, target: str) -> ModuleType:
        """Return the functions that are called, prepared as the tool wants it."""
        return project.subject(name)

    def on(
        self, project: Project, module: ModuleType, target: str, holder: Any, attribute: str, fires: bool
    ) -> AbstractContextManager[Any]:
        """Put a fault on a target that acts on every call or on none, until the end of the context.

        Args:
            project: Where it happens.
            module: The functions that are called.
            target: Which of them, as a path below the module.
            holder: The object whose attribute a caller asks for.
            attribute: That attribute's name.
            fires: Whether the fault acts.
        """
        raise NotImplementedError

    def acted(self, outcome: Outcome) -> bool:
        """Say whether a call met the fault."""
        return outcome[0] == "raises" and str(outcome[1]).startswith("TimeoutError")


class Ours(Tool):
    """``pytest-chaos``, as ``per_call`` measures it."""

    name = "pytest-chaos"
    package = "pytest-chaos"
    way = "marker, text or fixture; spliced into the function's code"

    @contextlib.contextmanager
    def on(
        self, project: Project, module: ModuleType, target: str, holder: Any, attribute: str, fires: bool
    ) -> Iterator[None]:
        """Arm a rule that always fires, or with a rate that never comes true here."""
        trigger = {} if fires else {"rate": per_call.RARE}
        with armed(project.laboratory, rule(f"{module.__name__}:{target}", **trigger)):
            yield


class Ordeal(Tool):
    """``ordeal``: its fault that raises on every nth call, which is the one that can be active and let calls pass."""

    name = "ordeal"
    package = "ordeal"
    way = "a fault object, switched on; an attribute replaced"

    def __init__(self) -> None:
        """Import its faults of time."""
        super().__init__()
        self._crash = importlib.import_module("ordeal.faults.timing").intermittent_crash

    def on(
        self, project: Project, module: ModuleType, target: str, holder: Any, attribute: str, fires: bool
    ) -> AbstractContextManager[Any]:
        """Activate the fault."""
        path = f"{module.__name__}.{target}"
        fault: AbstractContextManager[Any] = self._crash(path, every_n=1 if fires else per_call.FAR, error=TimeoutError)
        return fault


class Pyteman(Tool):
    """``pyteman``: an entry rule that raises, always or after a countdown."""

    name = "pyteman"
    package = "pyteman"
    way = "a YAML rule; an attribute replaced"

    def __init__(self) -> None:
        """Import what its own start-up imports."""
        super().__init__()
        self._load = importlib.import_module("pyteman.rules").load_rules
        self._activate = importlib.import_module("pyteman.patcher").activate

    @contextlib.contextmanager
    def on(
        self, project: Project, module: ModuleType, target: str, holder: Any, attribute: str, fires: bool
    ) -> Iterator[None]:
        """Load a rule from a file and activate it, as its ``sitecustomize`` does; without the log of what fires."""
        when = {"mode": "always"} if fires else {"mode": "countdown", "n": per_call.FAR}
        one = {
            "id": "benchmark",
            "point": f"{module.__name__}.{target}",
            "event": "entry",
            "action": {"kind": "raise", "exc": "TimeoutError", "message": "injected"},
            "fire": when,
        }
        path = project.root / f"{module.__name__}.yaml"
        path.write_text(json.dumps([one]))  # which is YAML too
        patcher = self._activate(self._load(str(path)), None, [module.__name__])
        try:
            yield
        finally:
            patcher.uninstall()


class ChaosInjector(Tool):
    """``chaosinjector``: changes the class of one object, which then gives its attributes or stubs that answer None."""

    name = "chaosinjector"
    package = "chaosinjector"
    way = "an object handed over; its class replaced, no way back"

    def __init__(self) -> None:
        """Import it."""
        super().__init__()
        self._inject = importlib.import_module("chaosinjector").ChaosInjector.inject

    def on(
        self, project: Project, module: ModuleType, target: str, holder: Any, attribute: str, fires: bool
    ) -> AbstractContextManager[Any]:
        """Hand over the module, class or instance that a caller goes through."""
        self._inject(holder, probability=1.0, method_probs={attribute: 0.0 if fires else 1.0})
        return contextlib.nullcontext()

    def acted(self, outcome: Outcome) -> bool:
        """Look for None, or for the caller's error on None."""
        return outcome == ("answers", None) or (outcome[0] == "raises" and "NoneType" in str(outcome[1]))


class _Sidecar:
    """A stand-in for the process that failureflags asks on every call."""

    def __init__(self) -> None:
        self.rate = 0
        sidecar = self

        class Answers(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                effect = {"exception": {"className": "TimeoutError", "message": "injected"}}
                body = json.dumps([{"rate": sidecar.rate, "effect": effect}]).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/experiment"


class FailureFlags(Tool):
    """``failureflags``, asking its sidecar on each call, which answers with an experiment of rate 0."""

    name = "failureflags, asking"
    package = "failureflags"
    way = "a line in the function's source, and a sidecar"
    once = 4
    _asks = "true"

    def __init__(self) -> None:
        """Import it."""
        super().__init__()
        self._flag = importlib.import_module("failureflags").FailureFlag

    @cached_property
    def _sidecar(self) -> _Sidecar:
        return _Sidecar()

    def subject(self, project: Project, name: str, target: str) -> ModuleType:
        """Return the functions with one edited by hand: its first line invokes a flag."""
        tree = ast.parse(Path(str(project.subject(f"{name}_unedited").__file__)).read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == target.rpartition(".")[2]:
                node.body[:0] = ast.parse("FLAG.invoke()").body
        code = compile(ast.fix_missing_locations(tree), str(project.root / f"{name}.py"), "exec")
        module = project.module_of(name, code)
        vars(module)["FLAG"] = self._flag(name, {}, timeout=5, endpoint=self._sidecar.endpoint)
        return module

    @contextlib.contextmanager
    def on(
        self, project: Project, module: ModuleType, target: str, holder: Any, attribute: str, fires: bool
    ) -> Iterator[None]:
        """Switch all flags on by the variable that it reads, or off where that is what is measured."""
        asks = "true" if fires else self._asks
        with mock.patch.dict(os.environ, {"FAILURE_FLAGS_ENABLED": asks, "no_proxy": "127.0.0.1"}):
            self._sidecar.rate = int(fires)
            try:
                yield
            finally:
                self._sidecar.rate = 0


class FailureFlagsOff(FailureFlags):
    """``failureflags`` with its switch off: the line in the source alone."""

    name = "failureflags, off"
    once = 0
    _asks = "false"


TOOLS: tuple[type[Tool], ...] = (Ours, Ordeal, Pyteman, ChaosInjector, FailureFlagsOff, FailureFlags)
"""All tools, in the order of the tables."""
