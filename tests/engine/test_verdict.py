"""The ladder: order, words, and how findings add up."""

from __future__ import annotations

import itertools

import pytest

from pytest_chaos import Evidence, SpecificationError, Verdict
from pytest_chaos.verdict import Finding, Judgement

LADDER = [
    "resilient",
    "degraded",
    "inconclusive",
    "escaped",
    "changed",
    "storm",
    "lost",
    "leaked",
    "not recovered",
    "wrong error",
    "hung",
]


def test_order_is_that_of_the_design_worst_last() -> None:
    assert LADDER == [verdict.value for verdict in sorted(Verdict, reverse=True)][::-1]
    assert LADDER == [str(verdict) for verdict in Verdict]


def test_every_pair_is_ordered() -> None:
    for better, worse in itertools.combinations(Verdict, 2):
        assert better < worse and worse > better and better <= worse and not worse <= better
    with pytest.raises(TypeError):
        _ = Verdict.HUNG < "lost"


@pytest.mark.parametrize("word", [*LADDER, "not-recovered", "wrong-error"])
def test_word_leads_to_its_verdict_with_blank_or_hyphen(word: str) -> None:
    assert word.replace("-", " ") == Verdict.from_word(word).value


@pytest.mark.parametrize(
    ("word", "words"), [("hunk", "'hung'"), ("wrong_error", "'wrong error'"), ("", "Verdicts are resilient, degraded")]
)
def test_unknown_word_is_refused_with_a_near_miss(word: str, words: str) -> None:
    with pytest.raises(SpecificationError) as caught:
        Verdict.from_word(word)

    assert words in str(caught.value)


def finding(verdict: Verdict, text: str = "", fails: bool = False) -> Finding:
    return Finding(verdict, Evidence("oracle", "kind", text or verdict.value), fails)


def test_nothing_to_say_is_resilient() -> None:
    nothing = Judgement.of([])

    assert (Verdict.RESILIENT, False, ()) == (nothing.verdict, nothing.fails, nothing.evidence)


def test_worst_finding_is_the_verdict_and_all_evidence_is_kept() -> None:
    found = [finding(Verdict.LEAKED), finding(Verdict.HUNG), finding(Verdict.RESILIENT), finding(Verdict.ESCAPED)]

    judgement = Judgement.of(found)

    assert Verdict.HUNG is judgement.verdict
    assert ["hung", "leaked", "escaped", "resilient"] == [evidence.text for evidence in judgement.evidence]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_order_of_findings_does_not_change_the_verdict(order: tuple[int, ...]) -> None:
    found = [finding(Verdict.LEAKED, fails=True), finding(Verdict.CHANGED), finding(Verdict.RESILIENT)]
    judgement = Judgement.of([found[index] for index in order])

    assert (Verdict.LEAKED, True) == (judgement.verdict, judgement.fails)


def test_equal_verdicts_keep_the_order_in_which_they_were_found() -> None:
    found = [finding(Verdict.LEAKED, "first"), finding(Verdict.LEAKED, "second")]

    assert ["first", "second"] == [evidence.text for evidence in Judgement.of(found).evidence]


def test_milder_finding_may_be_the_one_that_fails() -> None:
    assert Judgement.of([finding(Verdict.CHANGED), finding(Verdict.INCONCLUSIVE, fails=True)]).fails
    assert not Judgement.of([finding(Verdict.CHANGED), finding(Verdict.INCONCLUSIVE)]).fails


def test_two_judgements_come_to_the_worse_one_with_the_evidence_of_both() -> None:
    changed = Judgement.of([finding(Verdict.CHANGED)])
    stuck = Judgement.of([finding(Verdict.NOT_RECOVERED, fails=True)])

    assert changed.beside(stuck) == stuck.beside(changed)
    assert changed.beside(stuck).findings == (*stuck.findings, *changed.findings)


def test_a_doubted_judgement_fails_nothing_and_keeps_its_evidence() -> None:
    hung = Judgement.of([finding(Verdict.HUNG, fails=True), finding(Verdict.CHANGED)])
    doubted = hung.doubted(Evidence("exercised", "unstable"))

    assert (Verdict.INCONCLUSIVE, False) == (doubted.verdict, doubted.fails)
    assert ["unstable", *(one.kind for one in hung.evidence)] == [one.kind for one in doubted.evidence]


def test_decisive_is_what_fails_and_what_gave_the_verdict() -> None:
    judged = Judgement.of(
        [
            finding(Verdict.HUNG),
            finding(Verdict.LEAKED, fails=True),
            finding(Verdict.CHANGED),
            finding(Verdict.RESILIENT),
        ]
    )

    assert [Verdict.HUNG, Verdict.LEAKED] == [one.verdict for one in judged.decisive]
    assert () == Judgement.of([finding(Verdict.RESILIENT)]).decisive


def test_what_was_dropped_open_hides_nothing_else_of_its_run() -> None:
    def said(verdict: Verdict, kind: str) -> Finding:
        return Finding(verdict, Evidence("o", kind, "text"), fails=False)

    dropped, lost, changed = (
        said(Verdict.LEAKED, "dropped-open"),
        said(Verdict.LOST, "swallowed"),
        said(Verdict.CHANGED, "assertion"),
    )
    left = said(Verdict.LEAKED, "file-left")

    assert (dropped, lost) == Judgement.of([changed, lost, dropped]).decisive
    assert (dropped,) == Judgement.of([said(Verdict.RESILIENT, "note"), dropped]).decisive
    assert (dropped, left) == Judgement.of([dropped, left, lost]).decisive
