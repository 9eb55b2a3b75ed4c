"""Every finding comes with one sentence of what to do."""

from __future__ import annotations

import pytest

from pytest_chaos.report.advice import ADVICE, BY_VERDICT, advice
from pytest_chaos.report.sentences import SENTENCES
from pytest_chaos.verdict import Verdict


def test_each_kind_that_has_a_sentence_has_advice_of_its_own() -> None:
    assert set(SENTENCES) <= set(ADVICE)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_what_an_oracle_of_a_third_party_saw_is_advised_on_by_its_verdict(verdict: Verdict) -> None:
    assert BY_VERDICT[verdict.value] == advice(verdict.value, "stale-index", "search")
    assert advice(verdict.value, "hang", "search") == advice(verdict.value, "stale-index", "search")


def test_advice_goes_by_kind_before_verdict() -> None:
    assert "lock" in advice("leaked", "lock", "leaks")
    assert advice("leaked", "lock", "leaks") != advice("leaked", "thread", "leaks")


@pytest.mark.parametrize("sentence", [*ADVICE.values(), *BY_VERDICT.values()])
def test_advice_is_one_sentence_that_fits_a_line(sentence: str) -> None:
    assert sentence[0].isupper() and sentence.endswith(".") and "\n" not in sentence
    assert ". " not in sentence.replace("... ", "")
    assert 10 < len(sentence) <= 140
