"""What an autouse fixture gets that asks for ``chaos`` while chaos is off: everything is accepted, nothing is done."""

from __future__ import annotations

from typing import Any, Self


class InertInjection:
    """An injection that never fires."""

    calls = 0
    fired = 0

    @property
    def activations(self) -> list[Any]:
        """No activations."""
        return []

    def lift(self) -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        pass


class InertChaos:
    """Stands in for :class:`pytest_chaos.Chaos`."""

    @property
    def journal(self) -> list[Any]:
        """An empty journal."""
        return []

    def inject(self, target: Any, fault: Any = None, **trigger: Any) -> InertInjection:
        """Return an injection that never fires."""
        return InertInjection()

    def lift(self) -> None:
        """Do nothing."""

    def recovers(self, probe: Any, within: float = 5.0) -> float:
        """Nothing was disturbed: return 0 without asking."""
        return 0.0

    def calls(self, target: Any) -> int:
        """Nothing is counted."""
        return 0

    def amplification(self, target: Any) -> float:
        """Nothing is disturbed."""
        return 1.0

    def expect(self, **keys: Any) -> None:
        """Do nothing."""

    def __repr__(self) -> str:
        return "<Chaos: inert without --chaos>"
