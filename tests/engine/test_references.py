"""References that replacing a name does not reach: found, and told where a fault never met a call."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pytest_chaos.injector.references import unreached

HOLDERS = """
import dataclasses, functools, math

def default(f=math.lgamma): return f(3)
def keyword(*, f=math.lgamma): return f(3)
def closing():
    f = math.lgamma
    return lambda: f(3)
closed = closing()
listed = [math.lgamma]
mapped = {"gamma": math.lgamma}
in_tuple = (math.lgamma, 1)
in_set = {math.lgamma}
partial = functools.partial(math.lgamma, 3)
class Holder: ...
holder = Holder()
holder.f = math.lgamma
"""


@pytest.fixture
def maths(lab: Any) -> Any:
    return lab.module("maths", HOLDERS)


def test_each_kind_of_holder_is_named(maths: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_chaos.injector.references._MOST", 50)
    assert {
        "a default argument of maths.default",
        "a default argument of maths.keyword",
        "the closure of maths.closing.<locals>.<lambda>",
        "a list in maths.listed",
        "a dict in maths.mapped",
        "a tuple in maths.in_tuple",
        "a set in maths.in_set",
        "a functools.partial in maths.partial",
        "an attribute of a Holder object",
    } <= set(unreached(math.lgamma))


def test_names_in_modules_and_classes_are_not(lab: Any) -> None:
    lab.module("named", "from math import erfc\nclass Holder:\n    erfc = staticmethod(erfc)")
    assert [text for text in unreached(math.erfc) if "named" in text] == []


def test_a_rule_that_never_met_a_call_tells_them(maths: Any, lab: Any) -> None:
    seen = lab.run(lambda: maths.listed[0](3), "math:lgamma = null")
    assert "inconclusive" == seen.verdict
    assert "only the name is patched" in seen.texts[0]
    assert "maths." in seen.texts[0]


def test_a_rule_on_a_python_function_tells_none(lab: Any) -> None:
    shop = lab.module("shop", "def pay(): ...\nkept = [pay]")
    assert "only the name is patched" not in lab.run(lambda: shop.kept, "shop:pay = null").texts[0]
