"""Which items are fault tests, and whether the marker's name is ours alone."""

from __future__ import annotations

import pytest

from pytest_chaos.plugin.compat import asks_for


def is_fault_test(item: pytest.Item) -> bool:
    """Tell whether an item is a fault test: by marker, or because it or a fixture it names asks for ``chaos``.

    Doctests, and items that other plugins make of files, have no body of ours to disturb, so no marker makes them one.
    """
    if not isinstance(item, pytest.Function):
        return False
    if item.get_closest_marker("chaos") is not None:
        return True
    return asks_for(item, "chaos")


def shares_switch(config: pytest.Config) -> bool:
    """Tell whether another plugin owns ``--chaos``, and perhaps the marker's name too."""
    return hasattr(config.option, "pytest_chaos_beside")
