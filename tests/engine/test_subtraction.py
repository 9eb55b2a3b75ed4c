"""What is left under a fault minus what is left without it."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_chaos.resources.leftovers import Leftover
from pytest_chaos.resources.subtraction import subtract


def leak(fingerprint: str, text: str = "") -> Leftover:
    return Leftover(fingerprint.partition(" ")[0], text or fingerprint, fingerprint)


def note(fingerprint: str, text: str = "") -> Leftover:
    return Leftover(fingerprint.partition(" ")[0], text or fingerprint, fingerprint, is_note=True)


DAEMON, FORGOTTEN = "thread shop.py:3", "thread shop.py:9"

leftovers = st.lists(
    st.builds(
        Leftover,
        st.just("thread"),
        st.text(max_size=3),
        st.sampled_from(["thread a", "thread b", "lock a"]),
        st.booleans(),
    ),
    max_size=8,
)


@pytest.mark.parametrize(
    ("faulty", "plain", "caused"),
    [
        ([], [], []),
        ([leak(FORGOTTEN)], [], [leak(FORGOTTEN)]),
        ([leak(DAEMON), leak(FORGOTTEN)], [leak(DAEMON)], [leak(FORGOTTEN)]),
        # One line that starts two threads under the fault and one without.
        ([leak(DAEMON, "Thread-7"), leak(DAEMON, "Thread-8")], [leak(DAEMON, "Thread-1")], [leak(DAEMON, "Thread-8")]),
        # What the plain run leaves and the fault prevents is nobody's.
        ([], [leak(DAEMON)], []),
        # A pool that was idle and is busy now got worse; a busy one that is idle now did not.
        ([leak("executor a")], [note("executor a")], [leak("executor a")]),
        ([note("executor a")], [leak("executor a")], []),
        ([note("executor a")], [note("executor a")], []),
        # The leak of the plain run stands for the leak, whichever comes first.
        ([note("executor a"), leak("executor a")], [leak("executor a")], [note("executor a")]),
    ],
)
def test_what_leaks_anyway_is_not_blamed(faulty: list[Leftover], plain: list[Leftover], caused: list[Leftover]) -> None:
    assert tuple(caused) == subtract(faulty, plain).caused


@given(leftovers, leftovers)
def test_nothing_is_lost_and_nothing_is_made_up(faulty: list[Leftover], plain: list[Leftover]) -> None:
    """Both parts together are what was left, in its order."""
    caused, anyway = subtract(faulty, plain)

    assert Counter(faulty) == Counter(caused) + Counter(anyway)
    for part in caused, anyway:
        rest = iter(faulty)
        assert all(any(one is other for other in rest) for one in part)


@given(leftovers, leftovers)
def test_each_fingerprint_is_excused_as_often_as_the_plain_run_left_it(
    faulty: list[Leftover], plain: list[Leftover]
) -> None:
    caused, anyway = subtract(faulty, plain)

    left = Counter(one.fingerprint for one in plain)
    assert all(count <= left[fingerprint] for fingerprint, count in Counter(one.fingerprint for one in anyway).items())
    # Nobody is blamed for what the plain run left too.
    plain_leaks = Counter(one.fingerprint for one in plain if not one.is_note)
    for fingerprint, count in Counter(one.fingerprint for one in caused if not one.is_note).items():
        assert count == sum(one.fingerprint == fingerprint and not one.is_note for one in faulty) - min(
            plain_leaks[fingerprint], sum(one.fingerprint == fingerprint and not one.is_note for one in faulty)
        )


@given(leftovers)
def test_the_same_run_twice_causes_nothing(run: list[Leftover]) -> None:
    assert ((), tuple(run)) == subtract(run, run)


@given(leftovers)
def test_a_clean_plain_run_excuses_nothing(faulty: list[Leftover]) -> None:
    assert (tuple(faulty), ()) == subtract(faulty, [])


@given(leftovers, leftovers, st.randoms())
def test_the_order_of_the_plain_run_does_not_matter(
    faulty: list[Leftover], plain: list[Leftover], chance: object
) -> None:
    shuffled = list(plain)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # it is a random.Random

    assert subtract(faulty, plain) == subtract(faulty, shuffled)


@given(leftovers, leftovers, leftovers)
def test_a_plain_run_that_leaves_more_never_blames_more(
    faulty: list[Leftover], plain: list[Leftover], more: list[Leftover]
) -> None:
    assert len(subtract(faulty, plain + more).caused) <= len(subtract(faulty, plain).caused)


@given(leftovers, leftovers)
def test_what_was_caused_is_caused_again(faulty: list[Leftover], plain: list[Leftover]) -> None:
    """A second subtraction of nothing changes nothing."""
    once = subtract(faulty, plain)

    assert once.caused == subtract(once.caused, []).caused
