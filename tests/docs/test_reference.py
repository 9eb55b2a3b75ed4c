"""What the reference says is what the program does."""

import ast
import itertools
import json
import pkgutil
import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest

import pytest_chaos
from pytest_chaos import (
    Cancel,
    Corrupt,
    Delay,
    DiskFull,
    Duplicate,
    Either,
    Hang,
    HttpAnswer,
    LoseReply,
    NotationError,
    Null,
    Raise,
    Return,
    Stale,
    Verdict,
    format_scenario,
    parse,
)
from pytest_chaos.catalogue.catalogue import Catalogue
from pytest_chaos.contract import KEYS, Contract
from pytest_chaos.faults.base import Kind
from pytest_chaos.faults.words import FAULT_WORDS
from pytest_chaos.notation import parse_target
from pytest_chaos.plugin import entry
from pytest_chaos.plugin.options import _LEAKS_KEYS, _SUITE_KEYS, _TABLE_KEYS
from pytest_chaos.report.sentences import SENTENCES
from pytest_chaos.resources.filters import read_filter
from pytest_chaos.triggers import KEYWORDS, trigger_from

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(
    [
        *DOCS.glob("*.md"),
        *(page for room in ("how-to", "reference", "explanation") for page in DOCS.glob(f"{room}/*.md")),
    ]
)
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def page(name):
    """Return the text of a reference page."""
    return (DOCS / "reference" / f"{name}.md").read_text(encoding="utf-8")


def section(text, heading):
    """Return the part of a page below a heading, up to the next one of the same depth."""
    sign = heading.split(" ")[0]
    return re.split(rf"^{sign} ", text.split(heading + "\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def first_cells(text):
    """Return the code in the first column of every table row."""
    return re.findall(r"^\| `([^`]+)`[^|]*\|", text, re.MULTILINE)


def rows_of(text):
    """Return the cells of every table row but the rulers."""
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows]


def block_after(text, mark):
    """Return the fenced block that follows a comment."""
    return re.search(rf"^% {mark}\n\n```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1].splitlines()


class Registered:
    """Takes the place of pytest's parser and of its option group, and remembers what is added."""

    def __init__(self):
        self.options, self.keys = [], []

    def getgroup(self, *names):
        """Return the group, which is this object too."""
        return self

    def addoption(self, *names, **settings):
        """Remember an option."""
        self.options.extend(names)

    def parse_known_and_unknown_args(self, words):
        """Know no option: no other plugin is there."""
        return None, words

    def addini(self, name, *args, **settings):
        """Remember an ini key."""
        self.keys.append(name)


@pytest.fixture
def registered():
    """What the plugin registers."""
    parser = Registered()
    entry.pytest_addoption(parser)
    return parser


# --- options, keys, markers


def test_all_options_are_documented_and_no_others(registered):
    """Those that act, and those that are refused because they come later."""
    later = set(entry._LATER_OPTIONS)
    documented = {cell.split(" ")[0] for cell in first_cells(section(page("options"), "## Command line"))}

    assert documented == set(registered.options) - later
    assert set(first_cells(section(page("options"), "## Later options"))) == later


def test_all_ini_keys_are_documented_and_no_others(registered):
    """The table of ini keys is complete."""
    assert set(first_cells(section(page("options"), "## Ini keys"))) == set(registered.keys)


def test_all_markers_are_documented_and_no_others():
    """On the page of markers, and in the lines that keep strict suites collecting."""
    names = {re.match(r"\w+", line)[0] for line in entry._MARKERS}
    off = (DOCS / "how-to" / "switch-off.md").read_text(encoding="utf-8")
    example = tomllib.loads((DOCS / "examples" / "plugin-off" / "pyproject.toml").read_text(encoding="utf-8"))

    assert set(first_cells(page("markers"))) == names
    assert set(re.findall(r"^    (\w+): ", off, re.MULTILINE)) == names
    assert {line.partition(":")[0] for line in example["tool"]["pytest"]["markers"]} == names


def test_the_marker_takes_the_documented_keywords():
    """The signature on the page is the registered one."""
    signature = re.search(r"@pytest\.mark\.(chaos\(target, fault.*\))", page("markers"))[1]

    assert entry._MARKERS[0].startswith(f"{signature}: ")


def test_the_keys_of_table_suite_and_contract_are_documented():
    """The four tables of keys on the page of the table."""
    text = page("configuration").replace("suites.NAME", "suites")
    top, rest = text.split("## Contract")
    contract, filters = rest.split("## Filters of leaks")
    table, suite = top.split("| key of a suite |")

    assert set(first_cells(table)) == set(_TABLE_KEYS)
    assert set(first_cells(suite)) == set(_SUITE_KEYS)
    assert set(first_cells(contract)) == set(KEYS)
    assert set(first_cells(filters)) == set(_LEAKS_KEYS)


# --- rule text


def test_accepted_rules_are_accepted():
    """Each line parses, and its canonical text parses to the same rules."""
    lines = block_after(page("rule-text"), "rules: accepted")

    assert len(lines) >= 6
    for line in lines:
        assert parse(format_scenario(parse(line))) == parse(line)


def test_refused_rules_are_refused_at_the_caret():
    """Each pair of lines is a text and what is said about it, at its column."""
    lines = block_after(page("rule-text"), "rules: refused")

    assert len(lines) >= 20
    for text, remark in zip(lines[::2], lines[1::2], strict=True):
        with pytest.raises(NotationError) as refusal:
            parse(text)
        column = remark.index("^") + 1
        assert (text, refusal.value.column) == (text, column)
        assert remark[column:].strip() in str(refusal.value)


def test_every_word_of_the_rule_text_is_documented():
    """The table of faults is complete."""
    text = page("rule-text")
    words = {
        re.match(r"[a-z-]+", cell)[0] for cell in first_cells(section(text, "## Parts").split("| fault | value |")[1])
    }

    assert words == set(FAULT_WORDS)


def _keyword(code):
    """Return name and expression of a keyword argument, such as ``nth=3``."""
    keyword = ast.parse(f"f({code})", mode="eval").body.keywords[0]
    return keyword.arg, keyword.value


def test_triggers_and_their_text_forms_are_the_same():
    """In each row of the table keyword and text give equal triggers."""
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|", page("triggers"), re.MULTILINE)
    named = set()
    for keywords, texts in rows:
        written = [_keyword(code) for code in re.findall("`([^`]+)`", keywords)]
        named |= {name for name, _ in written}
        if texts == "none":
            continue
        for (name, value), text in zip(written, re.findall("`([^`]+)`", texts), strict=True):
            (rule,) = parse(f"m:f = {text}{'' if text.endswith('*') else ' '}hang")
            assert rule.chain[0].trigger == trigger_from(**{name: ast.literal_eval(value)})

    assert named == set(KEYWORDS)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_toml_block_is_one_that_the_plugin_reads(path):
    """Rules, targets, faults and contracts in it are right, and so are its keys."""
    for language, text in FENCE.findall(path.read_text(encoding="utf-8")):
        if language != "toml":
            continue
        table = tomllib.loads(text)["tool"].get("pytest_chaos", {})
        assert set(table) <= set(_TABLE_KEYS)
        for key, filters in table.get("leaks", {}).items():
            assert key in _LEAKS_KEYS
            for text in filters if key != "ignore_current" else ():
                read_filter(key, text)
        for suite in [table, *table.get("suites", {}).values()]:
            for rule in suite.get("rules", []):
                parse(rule)
            for target in suite.get("targets", []):
                parse_target(target)
            for fault in suite.get("faults", []):
                parse(f"m:f = {fault}")
            Contract().with_keys(suite.get("contract", {}))
        for suite in table.get("suites", {}).values():
            assert set(suite) <= set(_SUITE_KEYS)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_python_block_is_python(path):
    """Decorators stand alone on the pages, so a function is put below them."""
    for language, text in FENCE.findall(path.read_text(encoding="utf-8")):
        if language == "python":
            is_decorator = text.rstrip().rpartition("\n")[2].startswith("@") and "*, rate" not in text
            if "*, rate" not in text:
                compile(text + ("def function(): ...\n" if is_decorator else ""), str(path), "exec")


# --- faults, verdicts, report


def test_the_table_of_kinds_says_what_the_faults_say():
    """Every cell acts or is refused as the code has it."""
    faults = [Raise(OSError), Hang(), Return([1]), Null(), Delay(1)]
    faults += [Corrupt(), Cancel(), LoseReply(OSError), Duplicate(), Stale(), DiskFull(), HttpAnswer(503)]
    faults = {type(fault).__name__: fault for fault in faults}
    rows = {
        cells[0]: cells[1:]
        for line in page("kinds").splitlines()
        if line.startswith("| ")
        and len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == len(faults) + 2
    }
    head = [cell.strip("`") for cell in rows.pop("kind")][:-1]

    assert head == list(faults)
    assert set(rows) == set(get_args(Kind))
    for kind, cells in rows.items():
        for name, cell in zip(head, cells[:-1], strict=True):
            assert (kind, name, cell.startswith("refused")) == (kind, name, bool(faults[name].refusal(kind)))


def test_every_fault_is_described_under_the_same_headings():
    """One section per fault, each with the same five parts."""
    text = page("faults")
    names = re.findall(r"^## (\w+)$", text, re.MULTILINE)

    assert {getattr(pytest_chaos, name).word for name in names} == {*FAULT_WORDS, Either.word}
    for name in names:
        headings = re.findall(r"^### (.*)$", section(text, f"## {name}"), re.MULTILINE)
        assert headings == ["About", "Use", "Defaults", "What is recorded", "When not to use"]


def test_the_table_of_verdicts_is_the_ladder():
    """All verdicts, from best to worst."""
    table = page("verdicts").split("## What the user reads")[0]

    assert first_cells(table) == [verdict.value for verdict in Verdict]


def test_every_oracle_and_every_kind_of_its_evidence_is_documented():
    """The table of oracles has the words for which there are sentences, and no others."""
    table = section(page("verdicts"), "## Oracles")
    rows = {cells[0]: set(re.findall(r"`([\w-]+)`", cells[3])) for cells in rows_of(table)[1:]}
    documented = {(oracle, kind) for oracle, kinds in rows.items() for kind in kinds}

    assert set(SENTENCES) == documented


def test_well_known_libraries_are_documented():
    """Their names and all of their boundaries."""
    rows = rows_of(section(page("targets"), "## Well-known libraries"))[1:]
    catalogue = Catalogue()

    assert {cells[0].strip("`"): re.findall(r"`([^`]+)`", cells[1]) for cells in rows} == {
        name: [boundary.target for boundary in catalogue.library(name).boundaries] for name in catalogue.libraries
    }


def test_errors_and_hangs_of_well_known_libraries_are_documented():
    """Each error that one of its boundaries meets, and whether one can hang."""

    def named(text):
        if not text.startswith("raise("):
            return text
        module, _, name = re.match(r"raise\(([\w.:]+)", text)[1].rpartition(":")
        return f"{module.removesuffix('.exceptions')}.{name}".lstrip(".")

    rows = rows_of(section(page("targets"), "## Well-known libraries"))[1:]
    documented = {cells[0].strip("`"): (set(re.findall(r"`([^`]+)`", cells[2])), cells[3]) for cells in rows}

    catalogue = Catalogue()
    for name in catalogue.libraries:
        own = catalogue.library(name).boundaries
        errors = {
            named(text)
            for boundary in own
            for text in (*boundary.faults, *boundary.late, *boundary.creating, *boundary.refusals)
        }
        assert documented[name] == (errors, "yes" if any(boundary.hangs for boundary in own) else "no")


def test_the_fields_of_the_report_are_documented():
    """Document, result, rule and firing have the documented fields and no others."""
    from pytest_chaos.clauses import Sources
    from pytest_chaos.findings import Causes
    from pytest_chaos.observation import Observation
    from pytest_chaos.provenance import Provenance
    from pytest_chaos.report.record import document_of, record_of
    from pytest_chaos.statements import Statements
    from pytest_chaos.verdict import Evidence, Finding, Judgement

    seen = Observation(test="t", kind="fault", seed=0, scenario="m:f = hang", contract=Contract())
    found = Finding(Verdict.STORM, Evidence("grumpy", "mood", "it sighed"), fails=False)
    judgement = Judgement.of([found])
    causes = Causes(Provenance(Path()), Statements(Sources()), lambda point, dependency: point).of(seen, judgement)
    record = record_of(seen, judgement, "pytest", causes)
    document = json.loads(json.dumps(document_of([record], 0)))
    text = page("report")
    parts = re.split(r"^(?:A finding:|A result:|Results of kind .*|A rule, .*)$", text, flags=re.MULTILINE)
    tables = [first_cells(part) for part in parts]

    assert tables[0][: len(document)] == list(document)
    assert set(tables[1]) == set(document["findings"][0])
    assert tables[2] == list(document["results"][0])
    assert list(document["results"][0]["causes"][0]) == re.findall(
        r"`(\w+)`", re.search(r"^\| `causes` \| (.*) as above", text, re.MULTILINE)[1]
    )
    assert list(document["results"][0]["evidence"][0]) == re.findall(
        r"`(\w+)`", re.search(r"^\| `evidence` \| (.*)$", text, re.MULTILINE)[1]
    )


def test_every_public_name_is_documented():
    """The page of the Python API shows what ``__all__`` promises."""
    shown = set(re.findall(r"auto\w+:: pytest_chaos\.(\w+)$", page("api"), re.MULTILINE))

    assert set(pytest_chaos.__all__) - shown == {"__version__"}
    assert {name for name in shown if not hasattr(pytest_chaos, name)} == set()


# --- pages


def anchors(path):
    """Return the anchors of a page's headings."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    titles = re.findall(r"^#{1,3} (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize(
    "path",
    [*PAGES, *(DOCS.parent / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))],
    ids=lambda path: path.stem,
)
def test_internal_links_lead_somewhere(path):
    """Every relative link names a file that exists, and a heading in it."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        goal = (path.parent / name) if name else path
        assert goal.exists(), link
        assert not anchor or anchor in anchors(goal), link


def test_every_module_is_in_the_table_of_the_architecture():
    """Each stage of the river, and each room."""
    package = Path(pytest_chaos.__file__).parent
    modules = {path.stem for path in package.glob("*.py")} | {f"{path.parent.name}/" for path in package.glob("*/*.py")}
    table = section((DOCS / "explanation" / "architecture.md").read_text(encoding="utf-8"), "## The river")
    named = {name for cells in rows_of(table)[1:] for name in re.findall(r"`([\w/]+)`", cells[0])}

    assert named == modules - {"__init__"}


def test_every_page_is_in_a_table_of_contents():
    """No page is an orphan."""
    named = set()
    for path in PAGES:
        for toctree in re.findall(
            r"^```\{toctree\}\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        ):
            named |= {(path.parent / f"{line}.md").resolve() for line in toctree.split() if not line.startswith(":")}

    assert {path.resolve() for path in PAGES} - named == {(DOCS / "index.md").resolve()}


def test_shown_files_exist():
    """Every literalinclude names a file."""
    for path in PAGES:
        for name in re.findall(r"\{literalinclude\} (\S+)", path.read_text(encoding="utf-8")):
            assert (path.parent / name).is_file(), f"{path.name}: {name}"


def test_every_room_of_the_plugin_is_in_the_table_of_the_architecture():
    text = (DOCS / "explanation" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", section(text, "## The plugin"), re.MULTILINE)
    told = [name.strip("`") for row in rows for name in row.split(", ")]
    rooms = Path(pytest_chaos.__file__).parent / "plugin"

    assert sorted(told) == sorted(path.stem for path in rooms.glob("*.py") if path.stem != "__init__")


WALKS = re.findall(
    r"^(.+ to (?:its firing|the report|its verdict)):\n\n((?:\d+\. .+\n)+)",
    (DOCS / "explanation" / "architecture.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)


def stops(walk):
    """Return the stops of a walk: names of ours, as dotted paths below the package."""
    words = re.findall(r"`([a-z_]+(?:\.\w+)+)`", walk)
    assert len(words) >= 8
    return words


def test_there_are_three_walks():
    assert ["A rule text to its firing", "An injected error to the report", "A leaked thread to its verdict"] == [
        name for name, _ in WALKS
    ]


@pytest.mark.parametrize(("name", "walk"), WALKS)
def test_every_stop_of_a_walk_is_there(name, walk):
    for stop in stops(walk):
        assert pkgutil.resolve_name(f"pytest_chaos.{stop}")


@pytest.mark.parametrize(("name", "walk"), WALKS)
def test_no_stage_is_passed_twice_on_a_walk(name, walk):
    passed = [stage for stage, _ in itertools.groupby(stop.partition(".")[0] for stop in stops(walk))]

    assert len(set(passed)) == len(passed)
