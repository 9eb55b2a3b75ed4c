"""Bad input: exit code 4, nothing run, and a text with the place, the value and the remedy."""

from __future__ import annotations

import textwrap

import pytest

SHOP = """
    import asyncio

    LIMIT = 3

    def charge():
        return "receipt"

    def rows():
        yield 1

    class Bank:
        def charge(self):
            return "receipt"
"""
HEAD = """\
import pytest, sqlite3, os
from pytest_chaos import Delay, Hang, Null, Raise, Return
import shop


"""
USAGE_ERROR = pytest.ExitCode.USAGE_ERROR


@pytest.fixture
def shop(inner):
    inner.write("shop.py", SHOP)
    inner.write("test_it.py", "def test_plain():\n    print('a test was run')\n")
    return inner


def assert_refused(done, *texts: str) -> None:
    """The run ended with a usage error, ran nothing, and said all of ``texts``."""
    assert done.code == USAGE_ERROR, done.text
    for text in texts:
        assert text in done.text
    assert "a test was run" not in done.text
    assert "Traceback" not in done.text
    assert "INTERNALERROR" not in done.text


MARKERS = {
    "unknown module": ("'shpo:charge', Null", "there is no module 'shpo'", "Did you mean 'shop'"),
    "unknown submodule": ("'shop.bank:charge', Null", "there is no module 'shop.bank'", "Targets are written"),
    "unknown attribute": ("'shop:chagre', Null", "module 'shop' has no attribute 'chagre'", "Did you mean 'charge'?"),
    "unknown method": ("'shop:Bank.chrge', Null", "'Bank' has no attribute 'chrge'", "Did you mean 'charge'?"),
    "a module alone": ("'shop', Null", "target 'shop' names a module, not something in it", "Write 'shop:name'"),
    "an exception for a fault": (
        "'shop:charge', TimeoutError",
        "TimeoutError is an exception, not a fault",
        "Write Raise(TimeoutError).",
    ),
    "no fault object": ("'shop:charge', 42", "42 is not a fault", "Use Raise(...), Hang(), Return(value), Null"),
    "a text for a fault": ("'shop:charge', 'hang'", "'hang' is not a fault", "Use Raise(...), Hang()"),
    "a fault without its arguments": (
        "'shop:charge', Raise",
        "Raise needs arguments to be a fault",
        "Raise(TimeoutError)",
    ),
    "rate of 20": ("'shop:charge', Null, rate=20", "rate must lie in [0, 1], got 20", "Did you mean 0.2?"),
    "rate of -1": ("'shop:charge', Null, rate=-1", "rate must lie in [0, 1], got -1", "share of calls that fail"),
    "rate of x": ("'shop:charge', Null, rate='x'", "rate must be a number in [0, 1], got 'x'", "share of calls"),
    "nth of 0": ("'shop:charge', Null, nth=0", "nth must be at least 1, got 0", "Calls are counted from 1."),
    "nth with every": (
        "'shop:charge', Null, nth=1, every=2",
        "nth=1 and every=2 contradict each other",
        "Use one of them",
    ),
    "nth before after": (
        "'shop:charge', Null, nth=1, after=3",
        "nth=1 with after=3 never fires",
        "lets the calls 1 to 3",
    ),
    "times of 0": ("'shop:charge', Null, times=0", "times must be at least 1, got 0", ""),
    "unknown trigger": ("'shop:charge', Null, ntth=1", "the marker chaos does not take ntth=1", "Did you mean 'nth'?"),
    "no arguments": (
        "",
        "the marker chaos needs a target and a fault",
        "Write @pytest.mark.chaos('package.module:name'",
    ),
    "no fault": ("'shop:charge'", "the marker chaos has no fault for 'shop:charge'", "Write @pytest.mark.chaos("),
    "too many arguments": ("'shop:charge', Null, 0.2", "the marker chaos takes a target and a fault, got", "rate=0.2"),
    "not callable": ("'shop:LIMIT', Null", "target shop:LIMIT is not callable: 3", "function, method, property"),
    "an object not callable": ("shop.LIMIT, Null", "target 3 is not callable", "Name what is called"),
    "immutable method": (
        "'queue:SimpleQueue.get', Null",
        "_queue.SimpleQueue is an immutable C type, its methods cannot be replaced",
        "Use a queue.Queue there, whose methods 'queue:Queue.get' and 'queue:Queue.put' can be replaced",
    ),
    "immutable constructor": (
        "'io:TextIOWrapper', Raise(OSError)",
        "_io.TextIOWrapper is an immutable C type, its constructor cannot be replaced",
        "hands the object out: 'builtins:open'",
    ),
    "method of an adapted type": (
        "'sqlite3:Cursor.exceute', Null",
        "target sqlite3:Cursor.exceute: 'Cursor' has no attribute 'exceute'",
        "Did you mean 'execute'",
    ),
    "immutable builtin": ("'builtins:dict.get', Null", "builtins.dict is an immutable C type", "your own function"),
    "null of a constructor": ("'shop:Bank', Null", "null cannot act on shop:Bank, a constructor", "put the fault on"),
    "return 3 of a generator": ("'shop:rows', Return(3)", "return cannot act on shop:rows, a generator", "give a list"),
    "rule text": ("'shop:charge = hng'", "cannot read the rule text at column 15: unknown fault 'hng'", "'hang'?"),
    "target text": ("'shop : charge', Null", "a target ends here", "A target contains no spaces"),
    "catalogue": ("'httpx/read-timeout', Null", "catalogue", "Name the function"),
    "recovers": (
        "'shop:charge', Null, recovers=3",
        "recovers must be a callable or 'module:probe', got 3",
        "true once",
    ),
    "recovers without a name": ("'shop:charge', Null, recovers='shop:'", "'module:probe', got 'shop:'", "true once"),
    "recovers of an unknown module": (
        "'shop:charge', Null, recovers='shpo:charge'",
        "recovers=shpo:charge: there is no module 'shpo'",
        "Did you mean 'shop'",
    ),
    "recovers of an unknown name": (
        "'shop:charge', Null, recovers='shop:chagre'",
        "recovers=shop:chagre: 'shop' has no attribute 'chagre'",
        "Did you mean 'charge'?",
    ),
    "recovers of an unknown method": (
        "'shop:charge', Null, recovers='shop:Bank.chagre'",
        "recovers=shop:Bank.chagre: 'shop.Bank' has no attribute 'chagre'",
        "Did you mean 'charge'?",
    ),
    "glob in an unknown module": ("'shpo.**:*', Null", "target: there is no module 'shpo'", "Did you mean 'shop'"),
    "within": (
        "'shop:charge', Null, recovers=print, within=-1",
        "within must be at least 0 seconds, got -1",
        "",
    ),
    "within alone": ("'shop:charge', Null, within=2", "there is no recovers=", ""),
    "hang budget": (
        "'shop:charge', Hang, hang_budget=0",
        "the hang budget must be a number of seconds",
        "default is 1",
    ),
    "for_s": ("'shop:charge', Null, for_s=0", "for_s must be a positive number of seconds, got 0", "start of the test"),
    "when": ("'shop:charge', Null, when=3", "when must be a predicate over the call, got 3", "when=lambda call"),
    "caller": ("'shop:charge', Null, caller=3", "caller must be a glob over module names, got 3", "caller='shop.api*'"),
    "args": ("'shop:charge', Null, args=3", "args must map parameter names or positions to values, got 3", "args={"),
}


@pytest.mark.parametrize(("arguments", "what", "remedy"), MARKERS.values(), ids=MARKERS.keys())
def test_markers(shop, arguments, what, remedy):
    """A wrong marker is refused before anything runs, with its line."""
    shop.write(
        "test_it.py",
        HEAD + f"@pytest.mark.chaos({arguments})\ndef test_it():\n    print('a test was run')\n",
    )

    done = shop.run()

    assert_refused(done, what, remedy)
    assert "marker at test_it.py:6: " in done.text


CONTRACTS = {
    "unknown key": ("sttus=[200]", "unknown contract key 'sttus'", "Did you mean 'status'?"),
    "not a deadline": (
        "deadline_s=0",
        "contract deadline_s must be a number of seconds greater than 0, got 0",
        "test_it.py:",
    ),
    "status": ("status=[99]", "contract status: 99 is not a status code", "Write ints from 100 to 599"),
    "status class": ("status='6xx'", "contract status: '6xx' is not a status code", "such as '4xx'"),
    "errors": ("errors=[3]", "contract errors: 3 is not the name of an exception", "Write 'module:Name'."),
    "leaks": ("leaks='maybe'", "contract leaks must be 'on', 'strict' or 'off', got 'maybe'", ""),
    "positional": ("[200]", "chaos_contract takes keywords only", "status=[200, 503]"),
    "unknown error": ("errors=['shop:Down']", "shop:Down: there is no 'Down'", ""),
}


@pytest.mark.parametrize(("arguments", "what", "remedy"), CONTRACTS.values(), ids=CONTRACTS.keys())
def test_contract_markers(shop, arguments, what, remedy):
    """A wrong contract is refused as well."""
    shop.write(
        "test_it.py",
        HEAD + "@pytest.mark.chaos('shop:charge', Null)\n"
        f"@pytest.mark.chaos_contract({arguments})\ndef test_it():\n    print('a test was run')\n",
    )

    done = shop.run()

    assert_refused(done, what, remedy)
    assert "marker at test_it.py:7: " in done.text


RULES = {
    # All refused examples of the rule grammar, with the column of the caret.
    "m:f=#32*hang": (8, "a space is needed between hits and times"),
    "m:f == hang": (6, ""),
    "m:f = hang->": (13, ""),
    "m:f = #0hang": (7, "calls are counted from 1"),
    "m : f = hang": (3, "A target contains no spaces"),
    "m:f = Raise(E)": (7, "Did you mean 'raise'?"),
    "m:f = raise(os.getcwd())": (22, "nothing is called"),
    "m:f = return(1+2)": (15, ""),
    "m:f = 120%hang": (7, "between 0% and 100%"),
    "m:f = raise(os.getcwd)": (13, "not an exception"),
    # And some more that people type.
    "m:f": (4, "has no fault"),
    "m:f = hung": (7, "Did you mean 'hang'?"),
    "m:f = raise(TimeoutEror)": (13, "Did you mean 'TimeoutError'"),
    "m:f = corupt": (7, "Did you mean 'corrupt'?"),
    "m:f = hang; ; m:g = null": (13, "expected a name"),
    "m:f = hang(-1)": (7, "must be greater than 0"),
    "m:f = hang -> null": (1, "in a chain every term but the last needs a count"),
    "": (1, "expected a name"),
}


@pytest.mark.parametrize(("rule", "column", "text"), [(rule, *rest) for rule, rest in RULES.items()], ids=list(RULES))
def test_rule_texts(shop, rule, column, text):
    """A rule that cannot be read is shown with a caret below the offending column."""
    done = shop.run(f"--chaos-rule={rule}")

    assert_refused(done, f"--chaos-rule: cannot read the rule text at column {column}: ", text)
    lines = done.result.errlines
    shown = lines.index(f"  {rule}")
    assert lines[shown + 1] == "  " + " " * (column - 1) + "^"


OPTIONS = {
    "rule on an unknown module": ("--chaos-rule=shpo:charge=hang", "--chaos-rule: target: there is no module 'shpo'"),
    "rule on a missing name": ("--chaos-rule=json:lods=hang", "has no attribute 'lods'"),
    "target that is a module": ("--chaos-target=json", "Write 'json:name' for one function, or 'json:*' for all."),
    "target that is no library": ("--chaos-target=json", "Well-known libraries are socket, sqlite3, open, subprocess"),
    "target with a typo": ("--chaos-target=sokcet", "there is no module 'sokcet'"),
    "glob with a typo": ("--chaos-target=shpo.**:*", "--chaos-target: target: there is no module 'shpo'"),
    "near miss of a glob": ("--chaos-target=shpo.**:*", "Did you mean 'shop'"),
    "glob below an unknown module": ("--chaos-target=json.tol.*:*", "there is no module 'json.tol'"),
    "near miss of a module": ("--chaos-target=json.tol.*:*", "Did you mean 'tool'"),
    "rule on a glob with a typo": (
        "--chaos-rule=shpo.*:charge=hang",
        "--chaos-rule: target: there is no module 'shpo'",
    ),
    "near miss of a library": ("--chaos-target=sokcet", "As a library, did you mean 'socket'?"),
    "near miss of a rule": ("--chaos-rule=json:lods=hang", "Did you mean 'loads' or 'load'"),
    "rule on a C type": ("--chaos-rule=datetime:datetime.now=hang", "is an immutable C type"),
    "seed": ("--chaos-seed=1.5", "--chaos-seed: seed must be a whole number or 'random', got '1.5'"),
    "seed too large": ("--chaos-seed=99999999999999999999", "--chaos-seed: seed must be a whole number"),
    "seed word": ("--chaos-seed=rndom", "got 'rndom'"),
    "hang budget": ("--chaos-hang-budget=soon", "--chaos-hang-budget: the hang budget must be a number of seconds"),
    "hang budget of 0": ("--chaos-hang-budget=0", "greater than 0, got '0'"),
    "hang budget nan": ("--chaos-hang-budget=nan", "greater than 0, got 'nan'"),
    "report in no folder": (
        "--chaos-report=no/such/folder/c.json",
        "--chaos-report: cannot write 'no/such/folder/c.json'",
    ),
    "report is a folder": ("--chaos-report=folder.json", "cannot write 'folder.json': Is a directory"),
    "report suffix": ("--chaos-report=c.xml", "'.xml' is unknown: 'c.xml'"),
    "report without suffix": ("--chaos-report=chaos", "Write to a .json file."),
    "later report": ("--chaos-report=c.html", "reports of kind '.html' are not supported yet"),
    "suite": ("--chaos-suite=nightly", "--chaos-suite: there is no suite 'nightly'"),
    "unknown option": ("--chaos-rulez=x", "unrecognized arguments: --chaos-rulez=x"),
}


@pytest.mark.parametrize(("option", "text"), OPTIONS.values(), ids=OPTIONS.keys())
def test_options(shop, option, text):
    """A wrong option names itself and its value."""
    (shop.path / "folder.json").mkdir()

    assert_refused(shop.run(option, report=False), text)


def test_a_report_that_cannot_be_written_is_refused_and_leaves_no_file(shop):
    """The path is tried before the run, so that an hour of tests is not lost; trying leaves nothing behind."""
    done = shop.run("--chaos-report=kept.json", "--chaos-seed=x", report=False)

    assert_refused(done, "--chaos-seed")
    assert not (shop.path / "kept.json").exists()


TABLES = {
    "unknown key": (
        "[tool.pytest_chaos]\nruls = []",
        "[tool.pytest_chaos] in pyproject.toml: unknown key 'ruls'",
        "'rules'?",
    ),
    "unknown suite key": (
        "[tool.pytest_chaos.suites.nightly]\ntargts = []",
        "suite 'nightly': unknown key 'targts'",
        "Did you mean 'targets'?",
    ),
    "unknown contract key": (
        "[tool.pytest_chaos.contract]\nerors = []",
        "contract: unknown contract key 'erors'",
        "Did you mean 'errors'?",
    ),
    "rules no list": ("[tool.pytest_chaos]\nrules = 'a:b = hang'", "rules: it must be a list of strings", ""),
    "wrong rule": (
        "[tool.pytest_chaos]\nrules = ['json:loads = hang', 'json:loads = hng']",
        "rules number 2: cannot read the rule text at column 14: unknown fault 'hng'",
        "             ^",
    ),
    "wrong rule of a suite": (
        "[tool.pytest_chaos.suites.nightly]\nrules = ['a:b = hng']",
        "suite 'nightly', rules number 1: cannot read the rule text",
        "Did you mean 'hang'?",
    ),
    "wrong budget": (
        "[tool.pytest_chaos.suites.nightly]\nbudget = 10",
        "budget: expected a duration, got 10",
        "'10m'",
    ),
    "suites no table": ("[tool.pytest_chaos]\nsuites = 3", "suites must be tables, got 3", ""),
    "no table": ("[tool]\npytest_chaos = 3", "it must be a table, got 3", ""),
    "unknown error": ("[tool.pytest_chaos.contract]\nerrors = ['json:Dwn']", "json:Dwn: there is no 'Dwn'", ""),
    "ini seed": ("[tool.pytest.ini_options]\nchaos_seed = 'x'", "ini chaos_seed: seed must be a whole number", ""),
    "ini budget": ("[tool.pytest.ini_options]\nchaos_hang_budget = '-1'", "ini chaos_hang_budget: the hang budget", ""),
}


@pytest.mark.parametrize(("table", "what", "remedy"), TABLES.values(), ids=TABLES.keys())
def test_tables(shop, table, what, remedy):
    """What is wrong in pyproject.toml is refused with its place in the file."""
    shop.write("pyproject.toml", table + "\n")
    assert_refused(shop.run(), what, remedy)


def test_a_near_miss_of_a_suite(shop):
    """A misspelt suite gets the names there are."""
    shop.write("pyproject.toml", "[tool.pytest_chaos.suites.nightly]\nrules = []\n")

    assert_refused(shop.run("--chaos-suite=nightli"), "there is no suite 'nightli'", "Did you mean 'nightly'?")
    assert_refused(shop.run("--chaos-suite=x"), "there is no suite 'x'", "Suites are nightly.")


def test_all_errors_at_once(shop):
    """Who made three mistakes reads of three, not of one after the other."""
    options = shop.run("--chaos-seed=x", "--chaos-hang-budget=y", "--chaos-rule=m", "--chaos-rule=m:f = hng")
    assert_refused(
        options,
        "--chaos-seed: ",
        "--chaos-hang-budget: ",
        "--chaos-rule number 1: cannot read",
        "--chaos-rule number 2: cannot read",
    )
    shop.write(
        "test_it.py",
        HEAD + "@pytest.mark.chaos('shop:chagre', Null)\n@pytest.mark.chaos('shop:LIMIT', Null)\ndef test_a(): pass\n"
        "@pytest.mark.chaos\n@pytest.mark.parametrize('x', range(3))\ndef test_b(x): pass\n",
    )
    markers = shop.run("--chaos-rule=json:lods = hang")
    assert_refused(markers, "test_it.py:6: ", "test_it.py:7: ", "test_it.py:9: ", "--chaos-rule: ")
    assert markers.text.count("test_it.py:9: ") == 1, "one wrong marker is one error, however many parameters"


def test_all_that_names_nothing_is_refused_at_once(shop):
    """Options, suites, rules, markers of both kinds, probes and the ini key, each with its place."""
    shop.write(
        "test_it.py",
        HEAD
        + "@pytest.mark.chaos('shpo.**:*', Null, recovers='shop:nothing')\ndef test_fault(): pass\n"
        + "@pytest.mark.chaos_explore('shopp.**:*')\ndef test_explored(): pass\n",
    )
    shop.write(
        "pyproject.toml",
        """
        [tool.pytest.ini_options]
        chaos_packages = ["shop", "shoop", "shop.bank"]

        [tool.pytest_chaos.suites.small]
        targets = ["sho.**:*"]
        rules = ["shpo.**:* = null"]
        """,
    )
    done = shop.run("--chaos-suite=small", "--chaos-rule=shopping.*:* = hang")

    suite = "[tool.pytest_chaos] in pyproject.toml, suite 'small'"
    assert_refused(
        done,
        f"{suite}, targets: target: there is no module 'sho'",
        f"{suite}, rules number 1: target: there is no module 'shpo'",
        "--chaos-rule: target: there is no module 'shopping'",
        "marker at test_it.py:6: target: there is no module 'shpo'",
        "marker at test_it.py:6: recovers=shop:nothing: 'shop' has no attribute 'nothing'",
        "marker at test_it.py:8: target: there is no module 'shopp'",
        "ini chaos_packages: package 'shoop': there is no module 'shoop'",
        "ini chaos_packages: package 'shop.bank': there is no module 'shop.bank'",
        "Did you mean 'shop'",
    )


def test_probe_is_looked_up_once_its_module_is_there(shop):
    """It is not imported for that; what an object of the module will have when it is asked, nobody knows."""
    shop.write("late_probe.py", "client = None\ndef is_well(): return True\n")
    shop.write(
        "test_it.py",
        HEAD
        + textwrap.dedent("""\
        @pytest.fixture
        def late():
            import late_probe
            late_probe.client = type("Client", (), {"is_well": lambda self: True})()

        @pytest.mark.chaos("shop:charge", Null, recovers="late_probe:is_well")
        def test_right(late): assert shop.charge() is None

        @pytest.mark.chaos("shop:charge", Null, recovers="late_probe:client.is_well")
        def test_of_an_object(late): assert shop.charge() is None

        @pytest.mark.chaos("shop:charge", Null, recovers="late_probe:is_wel")
        def test_wrong(late): assert shop.charge() is None
        """),
    )
    done = shop.run()

    assert done.outcomes == {"passed": 2, "errors": 1}
    assert "recovers=late_probe:is_wel: 'late_probe' has no attribute 'is_wel'" in done.text
    assert "Did you mean 'is_well'?" in done.text


def test_glob_over_modules_that_only_match_later_is_no_error(shop):
    """Only what stands in front of the first wildcard must be there."""
    assert shop.run("--chaos-target=shop*.late:*").outcomes == {"passed": 1}
    assert shop.run("--chaos-target=**:charge_late").outcomes == {"passed": 1}


def test_deselected_markers_are_not_checked(shop):
    """What will not run may be wrong."""
    shop.write(
        "test_it.py",
        HEAD + "@pytest.mark.chaos('shop:chagre', Null)\ndef test_wrong(): pass\ndef test_right(): pass\n",
    )

    assert shop.run("-k", "right").outcomes == {"passed": 1, "deselected": 1}


WRONG = "pytest.mark.chaos('shop:nothing', Null)"
PLACES = {
    "function": (
        "@pytest.mark.usefixtures('request')\n{mark}\n@pytest.mark.filterwarnings('ignore')\ndef test_it(): pass\n",
        7,
    ),
    "above a multi-line decorator": (
        "{mark}\n@pytest.mark.parametrize(\n    'x',\n    [1],\n)\ndef test_it(x): pass\n",
        6,
    ),
    "below a multi-line decorator": (
        "@pytest.mark.parametrize(\n    'x',\n    [1],\n)\n{mark}\ndef test_it(x): pass\n",
        10,
    ),
    "class": ("{mark}\nclass TestIt:\n    def test_it(self): pass\n", 6),
    "method": ("class TestIt:\n    x = 1\n    {mark}\n    def test_it(self): pass\n", 8),
    "wrapped": ("def same(f):\n    return f\n\n{mark}\n@same\ndef test_it(): pass\n", 9),
    "async": ("{mark}\nasync def test_it(): pass\n", 6),
    "module": ("pytestmark = [\n    pytest.mark.usefixtures('request'),\n    {call},\n]\ndef test_it(): pass\n", 8),
    "class body": ("class TestIt:\n    pytestmark = {call}\n    def test_it(self): pass\n", 7),
    "class inside": ("class TestIt:\n    {mark}\n    class TestInner:\n        def test_it(self): pass\n", 7),
    "param": (
        "{right}\n@pytest.mark.parametrize('x', [\n    pytest.param(1, marks={call})])\ndef test_it(x): pass\n",
        7,
    ),
    "second of two": ("{right}\n{mark}\ndef test_it(): pass\n", 7),
    "first of two": ("{mark}\n{right}\ndef test_it(): pass\n", 6),
    "kept under a name": (
        "down = {call}\n@pytest.mark.usefixtures('request')\n@down\n{right}\ndef test_it(): pass\n",
        8,
    ),
    "unittest": ("import unittest\nclass TestIt(unittest.TestCase):\n    {mark}\n    def test_it(self): pass\n", 8),
}


@pytest.mark.parametrize(("source", "line"), PLACES.values(), ids=PLACES.keys())
def test_the_place_of_a_marker(shop, source, line):
    """The place is the line of the decorator itself, whatever stands around it."""
    shop.write(
        "test_it.py",
        HEAD + source.format(mark=f"@{WRONG}", call=WRONG, right="@pytest.mark.chaos('shop:charge', Null)"),
    )

    assert_refused(shop.run(), f"marker at test_it.py:{line}: target shop:nothing: ")


@pytest.mark.parametrize("workers", ["2"])
def test_under_xdist(shop, workers):
    """The same under ``-n 2``: exit 4, the text once, nothing run."""
    shop.write(
        "test_it.py",
        HEAD + "@pytest.mark.chaos('shop:chagre', Null)\ndef test_it(): open('ran', 'w')\n"
        "def test_plain(): open('ran', 'w')\n",
    )

    marker = shop.run_apart("-n", workers, plugins=("xdist",))
    assert_refused(marker, "marker at test_it.py:6: target shop:chagre", "Did you mean 'charge'?")
    assert marker.text.count("target shop:chagre") == 1
    option = shop.run_apart("-n", workers, "--chaos-rule=shop:charge = hng", plugins=("xdist",))
    assert_refused(option, "unknown fault 'hng'")
    assert not (shop.path / "ran").exists()


def test_a_wrong_injection_by_hand_fails_the_test(shop):
    """``chaos.inject`` and ``chaos.recovers`` say the same, as errors of the test."""
    shop.write(
        "test_it.py",
        HEAD
        + textwrap.dedent("""\
        @pytest.mark.parametrize("arguments, text", [
            (("shop:chagre", Null), "Did you mean 'charge'?"),
            (("shop:charge",), "no fault given"),
            (("shop:charge", 3), "3 is not a fault"),
            (("shop:charge = null; shop:rows = null",), "one rule at a time"),
            (("shop:charge = hng",), "unknown fault 'hng'"),
        ])
        def test_inject(chaos, arguments, text):
            with pytest.raises(Exception, match=r"chaos.inject in test_it.py::test_inject") as info:
                chaos.inject(*arguments)
            assert text in str(info.value)
            assert type(info.value).__module__ == "pytest_chaos.errors"

        def test_rate(chaos):
            with pytest.raises(ValueError if False else Exception, match="Did you mean 0.2"):
                chaos.inject("shop:charge", Null, rate=20)

        def test_others(chaos):
            with pytest.raises(Exception, match="the probe must be callable, got 3"):
                chaos.recovers(3)
            with pytest.raises(Exception, match="nothing is injected at shop:charge"):
                chaos.calls("shop:charge")
            with pytest.raises(Exception, match="a fault test has none"):
                chaos.amplification("shop:charge")
            with pytest.raises(Exception, match="unknown contract key 'sttus'"):
                chaos.expect(sttus=[200])
        """),
    )

    done = shop.run()

    assert done.outcomes == {"passed": 7}


def test_an_attribute_of_a_module_that_is_not_loaded_yet(shop):
    """A module that nobody imported is not imported to check a marker: its names are checked at set-up."""
    shop.write("lazy.py", "print('lazy was imported')\ndef charge(): pass\n")
    shop.write(
        "test_it.py",
        HEAD + "@pytest.mark.chaos('lazy:chagre', Null)\ndef test_it(): pass\ndef test_plain(): pass\n",
    )

    assert "lazy was imported" not in shop.run("--collect-only", "-s").text
    done = shop.run()

    assert done.outcomes == {"passed": 1, "errors": 1}
    assert "chaos: marker at test_it.py:6: target lazy:chagre: module 'lazy' has no attribute 'chagre'" in done.text
    assert "Did you mean 'charge'?" in done.text
