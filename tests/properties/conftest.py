"""Every test of this folder cleans up after itself."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _clean(nothing_survives: None) -> None:
    """See ``nothing_survives``."""
