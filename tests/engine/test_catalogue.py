"""The catalogue: entries are read when asked for, wrong ones are refused, and what the shipped ones say holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from pytest_chaos import format_rule, parse
from pytest_chaos.catalogue import catalogue as room
from pytest_chaos.catalogue.boundary import Boundary, Dependency
from pytest_chaos.catalogue.catalogue import Catalogue
from pytest_chaos.catalogue.reader import read_index, read_library
from pytest_chaos.catalogue.releases import holds_for, installed_release
from pytest_chaos.errors import SpecificationError
from pytest_chaos.notation import parse_target
from pytest_chaos.target import resolve

SHIPPED = Catalogue()
FILES = Path(room.__file__).parent / "libraries"
BOUNDARIES = [boundary for name in SHIPPED.libraries for boundary in SHIPPED.library(name).boundaries]


# --- the shipped entries


def test_libraries_are_those_that_have_a_file() -> None:
    assert sorted(SHIPPED.libraries) == sorted(path.stem for path in FILES.iterdir())
    assert {"socket", "sqlite3", "open", "subprocess", "urllib", "requests", "httpx", "redis"} <= set(SHIPPED.libraries)


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=lambda one: one.target)
def test_every_boundary_is_written_in_rule_texts(boundary: Boundary) -> None:
    """Where its library is there, so are its errors; and what it offers acts there."""
    pytest.importorskip(boundary.module)
    (point,) = resolve(parse_target(boundary.target))
    for text in (*boundary.faults, *boundary.late):
        (rule,) = parse(f"{boundary.target} = {text}")
        assert format_rule(rule) == f"{boundary.target} = {text}"
        assert not rule.chain[0].fault.refusal(point.kind)
    assert SHIPPED.at(boundary.target) is boundary


@pytest.mark.parametrize("name", SHIPPED.libraries)
def test_every_entry_holds_for_the_release_that_is_tested_here(name: str) -> None:
    """One that is passed over would not be looked at by any other test."""
    text = (FILES / f"{name}.toml").read_text(encoding="utf-8")
    modules = read_index((FILES.parent / "libraries.toml").read_text(encoding="utf-8"), "")[name]
    whole = read_library(name, text, name, modules, SHIPPED.libraries)

    assert whole.boundaries == SHIPPED.library(name).boundaries


def test_no_library_is_beneath_itself() -> None:
    beneath = {name: set(SHIPPED.library(name).beneath) for name in SHIPPED.libraries}
    for middle in beneath:
        for others in beneath.values():
            if middle in others:
                others |= beneath[middle]

    assert [name for name, others in beneath.items() if name in others] == []


# --- what is looked up


HERE = """
    [[boundary]]
    target = "{module}:errors"
    aliases = ["{module}:mistakes"]
    faults = ["raise(ConnectionError)"]
    waits = true
"""


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Catalogue]:
    """Return a catalogue of files by library, in which ``{module}`` is this module."""

    def make(index: str, **files: str) -> Catalogue:
        (tmp_path / "libraries").mkdir()
        for path, text in {"libraries": index, **{f"libraries/{name}": files[name] for name in files}}.items():
            (tmp_path / f"{path}.toml").write_text(text.replace("{module}", __name__), encoding="utf-8")
        return Catalogue(tmp_path)

    return make


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "nowhere")

    with pytest.raises(SpecificationError, match=r"catalogue/libraries\.toml: cannot read the file: "):
        assert catalogue.libraries


def test_only_the_files_of_imported_libraries_are_read(made: Any) -> None:
    catalogue = made('here = ["{module}"]\nnowhere = ["no.such.module"]', here=HERE, nowhere="= broken =")

    assert [boundary.target for boundary in catalogue.imported()] == [f"{__name__}:errors"]
    assert catalogue.libraries == ("here", "nowhere")
    assert catalogue.at("another.module:f") is None
    with pytest.raises(SpecificationError, match=r"catalogue/libraries/nowhere\.toml: cannot read the file: "):
        catalogue.at("no.such.module:f")


def test_a_file_is_read_once(made: Any, tmp_path: Path) -> None:
    catalogue = made('here = ["{module}"]', here=HERE)
    found = catalogue.at(f"{__name__}:errors")
    (tmp_path / "libraries" / "here.toml").unlink()

    assert catalogue.at(f"{__name__}:errors") is found is catalogue.library("here").boundaries[0]


def test_only_what_is_imported_can_be_called(made: Any) -> None:
    """Of a library that is imported in part, too."""
    there = HERE + HERE.replace("{module}", "no.such.module")
    catalogue = made('here = ["{module}", "no.such.module"]', here=there)

    assert [boundary.module for boundary in catalogue.imported()] == [__name__]
    assert [boundary.module for boundary in catalogue.library("here").boundaries] == [__name__, "no.such.module"]


def test_an_alias_is_another_name_of_the_call_and_no_injection_point(made: Any) -> None:
    catalogue = made('here = ["{module}"]', here=HERE)
    found = catalogue.at(f"{__name__}:errors")

    assert found is catalogue.called(f"{__name__}:errors") is catalogue.called(f"{__name__}:mistakes")
    assert catalogue.at(f"{__name__}:mistakes") is None
    assert catalogue.called(f"{__name__}:other") is catalogue.called("") is None


def test_libraries_are_kept_in_the_order_of_the_list(made: Any) -> None:
    catalogue = made('z = ["sys"]\na = ["{module}"]', a=HERE, z=HERE.replace("{module}", "sys"))

    assert [boundary.library for boundary in catalogue.imported()] == ["z", "a"]
    assert [boundary.library for boundary in catalogue.imported(["a", "z"])] == ["z", "a"]
    assert [boundary.library for boundary in catalogue.imported(["a"])] == ["a"]


# --- releases


def test_entry_for_another_release_is_passed_over(made: Any) -> None:
    older, newer = HERE + 'releases = "<2"\n', HERE + 'releases = ">=2"\n'
    catalogue = made('here = ["{module}"]', here='distribution = "pytest"\n' + older + newer)

    assert [boundary.releases for boundary in catalogue.imported()] == [">=2"]
    assert catalogue.at(f"{__name__}:errors") is catalogue.library("here").boundaries[0]


def test_two_entries_for_one_release_are_refused(made: Any) -> None:
    catalogue = made('here = ["{module}"]', here=HERE + HERE)

    with pytest.raises(SpecificationError) as caught:
        catalogue.imported()
    assert str(caught.value) == f"catalogue/libraries/here.toml: '{__name__}:errors' is told twice for one release"


@pytest.mark.parametrize(("releases", "expected"), [("", True), (">=3.11", True), ("<3.11", False)])
def test_release_of_the_standard_library_is_that_of_python(releases: str, expected: bool) -> None:
    assert holds_for(releases, installed_release("")) is expected


def test_release_that_nobody_can_tell_is_taken_for_a_good_one() -> None:
    """A vendored copy, or a checkout."""
    assert installed_release("no-such-distribution") is None
    assert holds_for("<0", None)


def test_a_prerelease_counts_as_one() -> None:
    assert holds_for(">=3", Version("4.0.0rc1"))


# --- what is refused

GOOD = """
    distribution = "bank"
    beneath = ["socket"]

    [[boundary]]
    target = "bank:Client.pay"
    aliases = ["bank:pay"]
    releases = ">=3,<5"
    faults = ["raise(ConnectionError)", "raise(bank:Down, 'no answer')"]
    late = ["raise(bank:Slow)"]
    waits = true
    limit = ["timeout", "self.client.timeout", "bank.settings:default().seconds", "0.limits.1"]
    own_limit_s = 5
    dependency.host = ["self.host"]
    dependency.port = ["self.port"]
"""
PLACE = "libraries/bank.toml"
ENTRY = f"{PLACE}, boundary bank:Client.pay, "


def read(text: str) -> Any:
    return read_library("bank", text, PLACE, ["bank", "bank.api"], ["socket", "bank"])


def test_entry_says_what_is_known_of_a_boundary() -> None:
    library = read(GOOD)

    assert (library.name, library.distribution, library.beneath) == ("bank", "bank", ("socket",))
    assert library.boundaries == (
        Boundary(
            library="bank",
            target="bank:Client.pay",
            faults=("raise(ConnectionError)", "raise(bank:Down, 'no answer')"),
            waits=True,
            late=("raise(bank:Slow)",),
            aliases=("bank:pay",),
            limit=("timeout", "self.client.timeout", "bank.settings:default().seconds", "0.limits.1"),
            own_limit_s=5.0,
            dependency=Dependency(host=("self.host",), port=("self.port",)),
            releases=">=3,<5",
        ),
    )


def test_call_with_a_limit_of_its_own_does_not_hang() -> None:
    """Unless it is told otherwise, which is another fact."""
    (bounded,) = read(GOOD).boundaries
    (unbounded,) = read(GOOD.replace("own_limit_s = 5", "")).boundaries

    assert (bounded.waits, bounded.hangs) == (True, False)
    assert (unbounded.waits, unbounded.hangs) == (True, True)


@pytest.mark.parametrize(
    ("good", "bad", "place", "message"),
    [
        ('distribution = "bank"', "distribution = 1", f"{PLACE}, distribution", "a text is wanted, got 1"),
        ('distribution = "bank"', 'distibution = "b"', f"{PLACE}, distibution", "Did you mean 'distribution'?"),
        ('["socket"]', '["sokket"]', f"{PLACE}, beneath", "'sokket' is no other library of the list"),
        ('["socket"]', '["sokket"]', f"{PLACE}, beneath", "Did you mean 'socket'?"),
        ('["socket"]', '["bank"]', f"{PLACE}, beneath", "'bank' is no other library of the list"),
        ("[[boundary]]", "[boundary]", f"{PLACE}, boundary", "a list of tables is wanted"),
        ("[[boundary]]", "[[boundry]]", f"{PLACE}, boundry", "Did you mean 'boundary'?"),
        ('target = "bank:Client.pay"', "", f"{PLACE}, boundary number 1, target", "the key 'target' is missing"),
        ("aliases =", "alias =", f"{ENTRY}alias", "Did you mean 'aliases' or 'waits'?"),
        ("waits = true", "", f"{ENTRY}waits", "the key 'waits' is missing"),
        ("waits = true", "waits = 1", f"{ENTRY}waits", "true or false is wanted, got 1"),
        ("waits = true", "waits = false", f"{ENTRY}limit", "what cannot wait for ever needs no limit"),
        ("faults = [", "fault = [", f"{ENTRY}fault", "Did you mean 'faults'?"),
        ('"raise(ConnectionError)", ', "1, ", f"{ENTRY}faults", "a list of texts is wanted"),
        ('["raise(bank:Slow)"]', '"raise(bank:Slow)"', f"{ENTRY}late", "a list of texts is wanted"),
        ('["raise(bank:Slow)"]', "[]", f"{ENTRY}late", "a list of texts is wanted, got []"),
        ("raise(bank:Slow)", "rise(bank:Slow)", f"{ENTRY}late", "Did you mean 'raise'?"),
        ("raise(bank:Slow)", "raise(TimeoutEror)", f"{ENTRY}late", "Did you mean 'TimeoutError'"),
        ("raise(bank:Slow)", "2*raise(bank:Slow)", f"{ENTRY}late", "one fault alone is wanted"),
        ("raise(bank:Slow)", "hang; m:f = null", f"{ENTRY}late", "one fault alone is wanted"),
        ("bank:pay", "bank:pay*", f"{ENTRY}aliases", "one exact target is wanted"),
        ("bank:pay", "bank.pay", f"{ENTRY}aliases", "one exact target is wanted"),
        ("bank:pay", "bank:pay()", f"{ENTRY}aliases", "cannot read the rule text at column 9"),
        ("bank:pay", "bank.apj:pay", f"{ENTRY}aliases", "'bank.apj' is no module of this library"),
        ("bank:pay", "bank.apj:pay", f"{ENTRY}aliases", "Did you mean 'bank.api'"),
        ('"timeout", ', '"timeout.", ', f"{ENTRY}limit", "'timeout.' is no path to a value"),
        ('"timeout", ', '"a:b:c", ', f"{ENTRY}limit", "'a:b:c' is no path to a value"),
        ('limit = ["timeout", "self', 'limti = ["timeout", "self', f"{ENTRY}limti", "Did you mean 'limit'?"),
        ("own_limit_s = 5", "own_limit_s = true", f"{ENTRY}own_limit_s", "a number of seconds is wanted, got True"),
        ("own_limit_s = 5", "own_limit_s = 0", f"{ENTRY}own_limit_s", "a number of seconds is wanted, got 0"),
        ("own_limit_s = 5", "own_limit_s = inf", f"{ENTRY}own_limit_s", "a number of seconds is wanted, got inf"),
        ("own_limit_s = 5", "own_limit_s = '5'", f"{ENTRY}own_limit_s", "a number of seconds is wanted, got '5'"),
        (".host", ".hots", f"{ENTRY}dependency, hots", "unknown key 'hots'\n  Did you mean 'host'?"),
        ("dependency.host", "dependency.path", f"{ENTRY}dependency, port", "says nothing without the key 'host'"),
        ('["self.port"]', '["self..port"]', f"{ENTRY}dependency, port", "'self..port' is no path to a value"),
        ('">=3,<5"', '"3 to 5"', f"{ENTRY}releases", "'3 to 5' is no range of releases"),
        ('">=3,<5"', "3", f"{ENTRY}releases", "a text is wanted, got 3"),
        ("[[boundary]]", "[[boundary", PLACE, "cannot read the file: "),
    ],
)
def test_entry_that_cannot_be_right_is_refused_with_file_and_key(good: str, bad: str, place: str, message: str) -> None:
    assert good in GOOD
    with pytest.raises(SpecificationError) as caught:
        read(GOOD.replace(good, bad, 1))

    assert caught.value.place == place
    assert message in str(caught.value)


@pytest.mark.parametrize("key", ["late", "own_limit_s"])
def test_what_depends_on_a_limit_is_refused_without_one(key: str) -> None:
    lines = [line for line in GOOD.splitlines() if not line.strip().startswith(("limit", "late", "own_limit_s"))]
    value = {"late": '["raise(bank:Slow)"]', "own_limit_s": "5"}[key]
    with pytest.raises(SpecificationError) as caught:
        read("\n".join([*lines, f"{key} = {value}"]))

    assert caught.value.place == f"{ENTRY}{key}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bank = 1", "catalogue/libraries.toml, bank: a list of texts is wanted, got 1"),
        ("bank = []", "catalogue/libraries.toml, bank: a list of texts is wanted, got []"),
        ("bank", "catalogue/libraries.toml: cannot read the file: "),
    ],
)
def test_list_of_libraries_that_cannot_be_right_is_refused(made: Any, text: str, message: str) -> None:
    with pytest.raises(SpecificationError) as caught:
        made(text).imported()

    assert str(caught.value).startswith(message)


def test_library_of_the_list_without_a_file_is_refused(made: Any) -> None:
    with pytest.raises(SpecificationError, match=r"^catalogue/libraries/here\.toml: cannot read the file: "):
        made('here = ["{module}"]').imported()
