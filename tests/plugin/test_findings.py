"""Findings: one cause fails once, keeps its id, and can be accepted."""

from __future__ import annotations

import json
import re

import pytest

SHOP = """
import contextlib, sqlite3, threading

def stock(path):
    connection = sqlite3.connect(path)
    with contextlib.closing(connection):
        return connection.execute("select 1").fetchone()[0]

def report(path):
    answer = None
    try:
        answer = [stock(path)]
    except sqlite3.Error:
        pass
    return answer[0]

def count(path):
    try:
        found = [stock(path)]
    except sqlite3.Error:
        pass
    return found[0]
"""
TESTS = """
import shop

def test_report(tmp_path):
    assert shop.report(tmp_path / "a.db") == 1

def test_report_again(tmp_path):
    assert shop.report(tmp_path / "a.db") == 1

def test_count(tmp_path):
    assert shop.count(tmp_path / "a.db") == 1
"""
EACH = ("--chaos-target=shop:stock", "--chaos-fault=raise(sqlite3:OperationalError)", "--chaos-scope=test")


@pytest.fixture
def shop(inner):
    inner.write("shop.py", SHOP)
    inner.write("test_it.py", TESTS)
    return inner


def ids(done) -> dict[str, str]:
    """The place of each failing finding by its id."""
    return {one["id"]: one["place"].rpartition(" ")[2] for one in done.document["findings"] if one["fails"]}


def test_one_cause_fails_once_whoever_came_upon_it(shop):
    """The second error is raised by one line, in two tests and several shapes; another line is another finding."""
    done = shop.run(*EACH)
    failing = [result for result in done.document["results"] if result["fails"]]

    assert sorted(ids(done).values()) == ["count", "report"]
    assert len(failing) > 2
    assert done.outcomes["failed"] == 2, done.text
    assert done.code == 1
    assert sorted(result["outcome"] for result in failing) == ["failed"] * 2 + ["known"] * (len(failing) - 2)


def test_a_finding_tells_all_of_it(shop):
    """Fields of the contract; results are counted from 0."""
    document = shop.run(*EACH).document
    report, count = document["findings"][:2]

    assert set(report) == {
        *("id", "verdict", "fails", "accepted", "kind", "oracle", "title", "text", "place", "dependency", "points"),
        *("faults", "tests", "results", "advice", "replay"),
    }
    assert (report["verdict"], report["fails"], report["accepted"]) == ("wrong error", True, False)
    assert report["tests"] == ["test_it.py::test_report", "test_it.py::test_report_again"]
    assert count["tests"] == ["test_it.py::test_count"]
    assert report["points"] == ["shop:stock"]
    assert report["faults"] == ["raise(sqlite3:OperationalError)"]
    assert {document["results"][index]["test"] for index in report["results"]} == set(report["tests"])
    assert re.fullmatch(r"shop\.py:\d+ report", report["place"])
    assert report["replay"].startswith(("pytest --chaos ", "python -m pytest --chaos "))


def test_each_clone_fails_where_that_is_wanted(shop):
    """--chaos-clones-fail, for who counts runs."""
    done = shop.run(*EACH, "--chaos-clones-fail")

    assert done.outcomes["failed"] == sum(result["fails"] for result in done.document["results"]) > 2


def test_workers_fail_once_together(shop):
    """The first one that comes upon a cause fails for it."""
    done = shop.run_apart(*EACH, "-n2", plugins=("xdist",))

    assert done.outcomes["failed"] == 2, done.text
    assert sorted(ids(done).values()) == ["count", "report"]


# --- ids


def test_an_id_survives_what_the_cause_does(shop):
    """Seeds, lines above, a function that moves within its module, tests with other names."""
    before = ids(shop.run(*EACH))
    again = ids(shop.run(*EACH, "--chaos-seed=3"))
    functions = re.split(r"(?m)^(?=def )", SHOP)
    shop.write("shop.py", "# a comment\n" * 20 + functions[0] + "".join(reversed(functions[1:])))
    shop.write("test_it.py", TESTS.replace("test_report", "test_renamed"))
    moved = ids(shop.run(*EACH))

    assert before == again == moved


def test_equal_lines_of_one_function_are_two_causes(shop):
    """Which of them it was counts."""
    shop.write(
        "shop.py",
        SHOP.replace(
            "    return answer[0]",
            "    if path.name == 'a.db':\n        return answer[0]\n    return answer[0]",
        ),
    )
    shop.write(
        "test_it.py",
        TESTS.replace('report(tmp_path / "a.db") == 1\n\ndef test_c', 'report(tmp_path / "b.db") == 1\n\ndef test_c'),
    )
    found = ids(shop.run(*EACH))

    assert sorted(found.values()) == ["count", "report", "report"]


KINDS = """
import threading


def charge(amount):
    return amount


def note(text): ...


def forgets(amount):
    try:
        return charge(amount)
    except OSError:
        threading.Thread(target=threading.Event().wait, args=(30,), daemon=True).start()
        return amount


def breaks(amount):
    try:
        paid = charge(amount)
    except OSError:
        pass
    return paid


def hides(amount):
    paid = 0
    try:
        paid = charge(amount)
    except Exception:
        pass
    note("paid")
    return paid


def hammers(amount):
    while True:
        try:
            return charge(amount)
        except OSError:
            continue


def lets_through(amount):
    return charge(amount)


def translates(amount):
    try:
        return charge(amount)
    except OSError as error:
        raise LookupError("no bank") from error
"""
# By the function that is the cause: these hold on every interpreter, for the suite runs on all of them.
IDS = {
    ("hung", "hides"): "d0c7ba685d",
    ("wrong error", "breaks"): "b0418294f8",
    ("leaked", "forgets"): "9919773c06",
    ("storm", "hammers"): "75f24cebd6",
    ("lost", "hides"): "17f63a4bf9",
    ("escaped", "lets_through"): "69b3f15b1c",
    ("escaped", "translates"): "44bbc655ba",
}


def test_ids_are_the_same_on_every_interpreter(inner):
    """Of each sort of cause; a test in the repository has them, so that no release changes them unseen."""
    inner.write("shop.py", KINDS)
    inner.write(
        "test_it.py",
        """
        import pytest, shop

        FUNCTIONS = [shop.forgets, shop.breaks, shop.hides, shop.hammers, shop.lets_through, shop.translates]

        @pytest.mark.parametrize("pay", FUNCTIONS)
        def test_it(pay):
            assert pay(3) == 3
        """,
    )
    sweep = ("--chaos-target=shop:charge", "--chaos-hang-budget=0.05")
    errors = inner.run_apart(*sweep, "--chaos-fault=raise(OSError)")
    hangs = inner.run_apart(*sweep, "--chaos-fault=hang", "-k", "hides")
    found = [one for done in (errors, hangs) for part in ("findings", "passed_on") for one in done.document[part]]

    assert {(one["verdict"], one["place"].rpartition(" ")[2]): one["id"] for one in found} == IDS


# --- the baseline


def test_what_is_accepted_does_not_fail_and_stays_visible(shop):
    """An old code base fails for what is new only."""
    first = shop.run(*EACH, "--chaos-write-baseline=known.json")
    second = shop.run(*EACH, "--chaos-baseline=known.json")

    assert (first.code, second.code) == (1, 0), second.text
    assert all(one["accepted"] for one in second.document["findings"] if one["verdict"] == "wrong error")
    assert {result["outcome"] for result in second.document["results"] if result["fails"]} == {"accepted"}


def test_what_is_new_fails(shop):
    """Beside what is accepted."""
    shop.run(*EACH, "--chaos-write-baseline=known.json")
    shop.write("shop.py", SHOP + "\ndef tally(name):" + SHOP.partition("def count(path):")[2].replace("path", "name"))
    shop.write("test_it.py", TESTS + "\ndef test_tally(tmp_path):\n    assert shop.tally(tmp_path / 'a.db') == 1\n")
    done = shop.run(*EACH, "--chaos-baseline=known.json")

    assert done.code == 1
    assert list(ids(done).values()) == ["tally"]


def test_what_no_longer_occurs_is_told(shop):
    """So that it can be taken out of the baseline; nothing fails for it."""
    shop.run(*EACH, "--chaos-write-baseline=known.json")
    shop.write(
        "shop.py",
        SHOP.replace("answer = None", "answer = [1]").replace(
            "    try:\n        found", "    found = [1]\n    try:\n        found"
        ),
    )
    done = shop.run(*EACH, "--chaos-baseline=known.json")

    assert done.code == 0, done.text
    assert "2 accepted findings" in done.text.replace("\n", " ")


def test_a_new_baseline_keeps_what_had_no_chance(shop):
    """A part of the tests says nothing of the others."""
    shop.run(*EACH, "--chaos-write-baseline=known.json")
    whole = json.loads((shop.path / "known.json").read_text())
    shop.run(*EACH, "-k", "count", "--chaos-baseline=known.json", "--chaos-write-baseline=known.json")

    assert json.loads((shop.path / "known.json").read_text()) == whole


def test_a_baseline_holds_for_the_verdict_of_a_fault_test_and_not_for_its_asserts(inner):
    """What its author wrote stays a failure."""
    inner.write(
        "shop.py",
        """
        import threading

        def charge(): ...

        def wait():
            threading.Event().wait(60)

        def pay():
            try:
                charge()
            except OSError:
                threading.Thread(target=wait, daemon=True).start()
        """,
    )
    inner.write(
        "test_it.py",
        """
        import pytest, shop

        @pytest.mark.chaos("shop:charge = raise(ConnectionError)")
        def test_leaks():
            shop.pay()

        @pytest.mark.chaos("shop:charge = raise(ConnectionError)")
        def test_asserts():
            shop.charge()
        """,
    )
    first = inner.run_apart("--chaos-write-baseline=known.json")
    second = inner.run_apart("--chaos-baseline=known.json")

    assert first.outcomes == {"failed": 2}
    assert second.outcomes == {"failed": 1, "passed": 1}, second.text


# --- which verdicts fail


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["none"], 0),
        (["hung,leaked"], 0),
        (["wrong-error"], 1),
        (["hung", "wrong error"], 1),
        (["default"], 1),
    ],
)
def test_the_user_says_which_verdicts_fail(shop, words, code):
    """Words with hyphens or blanks, in one option or several."""
    done = shop.run(*EACH, *(f"--chaos-fail-on={word}" for word in words))

    assert done.code == code, done.text


def test_default_and_more(shop):
    """What is reported by default fails where it is named."""
    shop.write("test_it.py", "import shop\n\ndef test_it(tmp_path):\n    assert shop.page(tmp_path / 'a.db') == 1\n")
    shop.write("shop.py", SHOP + "\ndef page(path):\n    return stock(path)\n")

    assert shop.run(*EACH).code == 0
    assert shop.run(*EACH, "--chaos-fail-on=default,escaped").code == 1


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--chaos-fail-on=hugn"], "--chaos-fail-on: unknown verdict 'hugn'\n  Did you mean 'hung'?"),
        (["--chaos-fail-on=none,hung"], "--chaos-fail-on: expected verdicts, or 'none' alone"),
        (["--chaos-fail-on=resilient"], "--chaos-fail-on: a run that is resilient cannot fail"),
        (["--chaos-baseline=nothing.json"], "--chaos-baseline: cannot read 'nothing.json': No such file"),
        (["--chaos-baseline=shop.py"], "--chaos-baseline: 'shop.py': it is not valid JSON"),
        (["--chaos-write-baseline=no/such.json"], "--chaos-write-baseline: cannot write 'no/such.json'"),
    ],
)
def test_bad_input_is_refused(shop, options, complaint):
    """Before anything runs."""
    done = shop.run_apart(*EACH, *options)

    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert complaint in done.text, done.text


# --- storms


def test_a_loop_is_one_finding_at_its_own_function(inner):
    """Whichever of its lines calls, and though it could read a clock in a branch that is not taken."""
    inner.write(
        "shop.py",
        """
        import time

        class Busy(OSError): ...

        def lock(): ...
        def read(): return 1

        def fetched():
            return read()

        def peek(until=None):
            while True:
                if until is not None and until < time.time():
                    return None
                try:
                    lock()
                    return fetched()
                except OSError:
                    continue
        """,
    )
    inner.write("test_it.py", "import shop\n\ndef test_it():\n    assert shop.peek() == 1\n")
    targets = ("--chaos-target=shop:lock", "--chaos-target=shop:read", "--chaos-fault=raise(OSError)")
    (found,) = inner.run_apart(*targets).document["findings"]

    assert (found["verdict"], found["fails"], found["points"]) == ("storm", True, ["shop:lock", "shop:read"])
    assert found["place"].endswith(" peek")


def test_a_loop_that_reads_a_clock_is_only_reported(inner):
    """It may come to an end; so may one of a library."""
    inner.write(
        "shop.py",
        """
        import time

        def read(): return 1

        def is_late(since):
            return time.monotonic() > since + 3600

        def peek():
            since = time.monotonic()
            while not is_late(since):
                try:
                    return read()
                except OSError:
                    continue
        """,
    )
    inner.write("test_it.py", "import shop\n\ndef test_it():\n    assert shop.peek() == 1\n")
    (found,) = inner.run_apart("--chaos-target=shop:read", "--chaos-fault=raise(OSError)").document["findings"]

    assert (found["verdict"], found["fails"]) == ("storm", False)


# --- errors that nobody was told of

LEDGER = """
from concurrent.futures import ThreadPoolExecutor

def charge(): return 1

BOOKED = []

def note(): BOOKED.append(charge())

def note_later():
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(note)
    RESULT

def entries():
    try:
        return [charge()]
    except Exception:
        return []

def total():
    try:
        return charge()
    except Exception:
        return 0
"""
LOST = ("--chaos-target=shop:charge", "--chaos-fault=raise(OSError)", "--chaos-only=*all*")


@pytest.mark.parametrize(("answer", "found"), [("pass", [("lost", "task-error", True)]), ("job.result()", [])])
def test_a_job_that_dies_unseen_is_one_finding(inner, answer, found):
    """What was stored in its future is the same error; where somebody asks for it there is none."""
    inner.write("shop.py", LEDGER.replace("RESULT", answer))
    inner.write(
        "test_it.py", "import shop\n\ndef test_it():\n    shop.note_later()\n    assert shop.BOOKED.pop() == 1\n"
    )
    done = inner.run_apart(*LOST)

    assert [(one["verdict"], one["kind"], one["fails"]) for one in done.document["findings"]] == found


def test_each_clause_that_hides_an_error_is_a_finding(inner):
    """In one run, beside each other and beside a job that dies of the same error."""
    inner.write("shop.py", LEDGER.replace("RESULT", "pass"))
    inner.write(
        "test_it.py",
        """
        import shop

        def test_it():
            shop.note_later()
            assert (shop.entries(), shop.total()) == ([1], 1)
        """,
    )
    found = inner.run_apart(*LOST).document["findings"]

    assert sorted((one["kind"], one["place"].rpartition(" ")[2]) for one in found) == [
        ("quiet-fallback", "entries"),
        ("quiet-fallback", "total"),
        ("task-error", "note_later"),
    ]


# --- what a failure is told by


def test_a_test_that_is_expected_to_fail_takes_no_finding_from_others(inner):
    """Nothing fails for it, so another one has to."""
    inner.write("shop.py", SHOP)
    inner.write(
        "test_it.py",
        """
        import pytest, shop

        @pytest.mark.xfail(reason="known")
        @pytest.mark.chaos("shop:stock = raise(sqlite3:OperationalError)")
        def test_known(tmp_path):
            assert shop.report(tmp_path / "a.db") == 1

        def test_report(tmp_path):
            assert shop.report(tmp_path / "a.db") == 1
        """,
    )
    done = inner.run(*EACH)

    assert (done.code, done.outcomes["failed"], done.outcomes["xfailed"]) == (1, 1, 1), done.text


def test_a_verdict_that_no_xfail_mark_covers_fails_the_session(inner):
    """The mark is for another error, and pytest counts nothing that bears the mark's words."""
    inner.write("shop.py", KINDS)
    inner.write(
        "test_it.py",
        """
        import pytest, shop

        @pytest.mark.xfail(raises=KeyError)
        @pytest.mark.chaos("shop:charge = raise(OSError)")
        def test_leaks():
            shop.forgets(3)
            raise KeyError
        """,
    )

    assert inner.run_apart().code == 1


def test_files_that_are_left_are_told_apart_by_their_names(inner):
    """Nobody sees who opened them."""
    inner.write("shop.py", "kept = []\n\ndef a(): kept.append(open('a.txt'))\n\ndef b(): kept.append(open('b.txt'))\n")
    inner.write("a.txt", "")
    inner.write("b.txt", "")
    inner.write("test_it.py", "import shop\n\ndef test_a(): shop.a()\n\ndef test_b(): shop.b()\n")
    leaks = ("-ochaos_leaks=on", "--chaos-target=none")
    first = inner.run_apart(*leaks, "-k", "test_a", "--chaos-write-baseline=known.json")
    second = inner.run_apart(*leaks, "--chaos-baseline=known.json")

    assert (first.code, second.code) == (1, 1)
    assert second.outcomes == {"passed": 1, "failed": 1}
    assert "2 tests checked; 1 failing" in second.text


def test_what_one_test_leaves_is_accepted_of_that_test_alone(inner):
    """Though another one has the same line."""
    inner.write(
        "test_it.py",
        """
        import threading

        def test_a():
            threading.Thread(target=threading.Event().wait, args=(30,), daemon=True).start()

        def test_b():
            threading.Thread(target=threading.Event().wait, args=(30,), daemon=True).start()
        """,
    )
    leaks = ("-ochaos_leaks=on", "--chaos-target=none")
    first = inner.run_apart(*leaks, "-k", "test_a", "--chaos-write-baseline=known.json")
    second = inner.run_apart(*leaks, "--chaos-baseline=known.json")

    assert (first.code, second.code) == (1, 1)
    assert second.outcomes == {"passed": 1, "failed": 1}


@pytest.mark.parametrize("mark", ["xfail", "xfail(strict=True)"])
def test_what_is_accepted_and_expected_is_both(inner, mark):
    """A strict mark does not fail for it, with and without the baseline; one for another error does."""
    inner.write("shop.py", KINDS)
    inner.write(
        "test_it.py",
        f"""
        import pytest, shop

        @pytest.mark.{mark}
        @pytest.mark.chaos("shop:charge = raise(OSError)")
        def test_leaks():
            shop.forgets(3)

        @pytest.mark.chaos("shop:charge = raise(OSError)")
        def test_leaks_too():
            shop.forgets(3)

        @pytest.mark.xfail(strict=True, raises=KeyError)
        @pytest.mark.chaos("shop:charge = raise(OSError)")
        def test_breaks():
            shop.forgets(3)
        """,
    )
    first = inner.run_apart("--chaos-write-baseline=known.json")
    second = inner.run_apart("--chaos-baseline=known.json")

    assert first.outcomes == {"xfailed": 1, "failed": 2}
    assert second.outcomes == {"xfailed": 1, "passed": 1, "failed": 1}


def test_modules_of_one_name_in_several_folders_are_told_apart(inner):
    """No package says which is which."""
    for folder in ("east", "west"):
        inner.write(f"{folder}/handler.py", SHOP)
        inner.write(
            f"test_{folder}.py",
            f"""
            from {folder}.handler import report

            def test_it(tmp_path):
                assert report(tmp_path / "a.db") == 1
            """,
        )
    sweep = ("--chaos-target=east.handler:stock", "--chaos-target=west.handler:stock", *EACH[1:])
    found = inner.run_apart(*sweep).document["findings"]

    assert len([one for one in found if one["fails"]]) == 2


@pytest.mark.parametrize("options", [("-k", "count"), ("test_more.py",), ("--ignore=test_it.py",), ("--chaos-plan",)])
def test_a_part_of_the_tests_takes_nothing_out_of_a_baseline(shop, options):
    """However it was chosen."""
    shop.write("test_more.py", "def test_more(): ...\n")
    shop.run_apart(*EACH, "--chaos-write-baseline=known.json")
    whole = json.loads((shop.path / "known.json").read_text())
    shop.run_apart(*EACH, *options, "--chaos-baseline=known.json", "--chaos-write-baseline=known.json")

    assert whole["findings"]
    assert json.loads((shop.path / "known.json").read_text()) == whole


def test_a_session_that_did_not_come_to_its_end_writes_no_baseline(shop):
    """What was there stays."""
    shop.run_apart(*EACH, "--chaos-write-baseline=known.json")
    before = (shop.path / "known.json").read_text()
    shop.write("test_broken.py", "def test_it(:\n")
    shop.run_apart(*EACH, "--chaos-write-baseline=known.json")

    assert (shop.path / "known.json").read_text() == before
