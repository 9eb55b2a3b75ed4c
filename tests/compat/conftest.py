"""Runs beside other people's plugins, in an environment of their own: ``tox -e compat``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _inner_runs() -> ModuleType:
    """Import what stories of whole pytest runs share; folders of tests are no packages."""
    path = Path(__file__).parents[1] / "plugin" / "conftest.py"
    spec = importlib.util.spec_from_file_location("inner_runs", path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Where none of them is installed, this is another environment, and not one of missing plugins.
if importlib.util.find_spec("pytest_reportlog") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    inner = _inner_runs().inner


LATE = "[chaos: shop:charge raise TimeoutError all]"
RECOVERY = "[chaos: recovery]"


class Beside:
    """A project whose tests are explored beside another plugin."""

    late = LATE
    recovery = RECOVERY
    shown = [
        ("test_a", "PASSED"),
        (f"test_a{LATE}", "RESILIENT"),
        (f"test_a{RECOVERY}", "RESILIENT"),
        ("test_b", "PASSED"),
        (f"test_b{LATE}", "FAILED"),
        (f"test_b{RECOVERY}", "RESILIENT"),
    ]
    verdicts = {
        f"test_a{LATE}": "resilient",
        f"test_a{RECOVERY}": "resilient",
        f"test_b{LATE}": "wrong error",
        f"test_b{RECOVERY}": "resilient",
    }

    def __init__(self, inner: Any) -> None:
        self.path = inner.path
        self.write = inner.write
        self._inner = inner

    def explore(self, *options: str, plugins: tuple[str, ...] = ()) -> Any:
        """Explore the project's tests, in a process of its own."""
        sweep = ("--chaos-target=shop:charge", "--chaos-fault=raise(TimeoutError)", "--chaos-scope=test", "-v")
        done = self._inner.run_apart(*sweep, *options, plugins=plugins)
        assert "INTERNALERROR" not in done.text
        return done


@pytest.fixture
def beside(inner: Any) -> Beside:
    """A project with a test that survives a fault, and one that breaks under it."""
    inner.write(
        "shop.py",
        """
        def charge():
            return "receipt"

        def checkout():
            try:
                return charge()
            except TimeoutError:
                return "later"

        def parcel():
            return {"receipt": "parcel"}[checkout()]
        """,
    )
    inner.write(
        "test_it.py",
        """
        import shop

        def test_a():
            assert shop.checkout() in ("receipt", "later")

        def test_b():
            assert shop.parcel() == "parcel"
        """,
    )
    return Beside(inner)


@pytest.fixture
def needs() -> Any:
    """Skip where a plugin is not installed: not every one is there for every interpreter."""
    return lambda name: pytest.importorskip(name, reason=f"{name} is not installed on this interpreter")
