"""Hold what exploring real projects finds against labels that were set by hand after reading the source.

    python mass/precision.py                             # explore all projects both ways, and judge
    python mass/precision.py --keep /tmp/kept            # keep sources, environments and reports
    python mass/precision.py --reports /tmp/kept         # judge what mass/explore.py or this has kept there
    python mass/precision.py --reports /tmp/kept --only httpcore

The projects are those of ``mass/explore.py``, each with ``--chaos`` alone and swept over its own package. The findings
of both ways are put together by id. Each stands in ``mass/labels.toml`` as

- ``true``: a maintainer would mend it;
- ``arguable``: made again without the plugin, by a fault that can happen, and only its worth is open;
- ``noise``: nothing that is wrong with the project;

with the reason. One without a label is printed with what is needed to label it, and fails the check, as does a bar
that does not hold: of the failing findings nine of ten are true or arguable, and ten distinct ones are true; of the
reported ones seven of ten are no noise; and those that were known before are among the failing ones. The projects that
are held back, of which no rule was made, are summed up on their own, too: that is what to expect of another one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mass import explore, projects  # noqa: E402  # the folder above must be on the path first
from mass.run import interpreters  # noqa: E402  # as above

LABELS = Path(__file__).parent / "labels.toml"

FAILING_PRECISE = 0.9  # of the failing findings, true or arguable
REPORTED_PRECISE = 0.7  # of the findings that do not fail, not noise
DISTINCT_TRUE = 10  # failing findings that are true, two of one bug counted once

TRUE, ARGUABLE, NOISE = WORDS = ("true", "arguable", "noise")

AROUND = 6  # lines of source before and after the line that a finding is about

WAYS: tuple[explore.Way, ...] = get_args(explore.Way)

_PLACE = re.compile(r"(?P<file>.+?):(?P<line>\d+) (?P<function>.*)")


class Label(NamedTuple):
    """What somebody who has read the source says of a finding.

    Attributes:
        project: Where it was found; a name of ``mass/explore.py``.
        id: The finding.
        verdict: Its verdict when it was labelled.
        place: Its place when it was labelled, ``path:line function``.
        label: ``true``, ``arguable`` or ``noise``.
        reason: Why.
        bug: What findings with one cause to mend have in common, where there are several of it.
    """

    project: str
    id: str
    verdict: str
    place: str
    label: str
    reason: str
    bug: str = ""


class Wanted(NamedTuple):
    """A bug that was known before, and must be among the failing findings.

    Attributes:
        project: Where it is.
        function: Qualified name of the function where the finding's place is.
        bug: What is wrong.
    """

    project: str
    function: str
    bug: str


class Labels(NamedTuple):
    """What ``labels.toml`` holds."""

    labels: Mapping[tuple[str, str], Label]
    wanted: tuple[Wanted, ...] = ()


class Found(NamedTuple):
    """A finding of a project, whichever ways have it.

    Attributes:
        project: Where it was found.
        finding: It, as the report holds it; of several, one that fails.
        ways: How the project was explored.
    """

    project: str
    finding: dict[str, Any]
    ways: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        """What its label goes by."""
        return self.project, self.finding["id"]


class Sheet(NamedTuple):
    """What is known of the findings of a project, or of several.

    Attributes:
        failing: The failing findings, by label.
        reported: Those that do not fail, by label.
        true: The distinct failing ones that are true: project, and bug or id.
        unlabelled: Those without a label.
        changed: Those whose verdict is not the one that was labelled, with the label.
        gone: Labels whose finding does not occur any more.
    """

    failing: Counter[str]
    reported: Counter[str]
    true: frozenset[tuple[str, str]] = frozenset()
    unlabelled: tuple[Found, ...] = ()
    changed: tuple[tuple[Found, Label], ...] = ()
    gone: tuple[Label, ...] = ()

    def beside(self, other: Sheet) -> Sheet:
        """Return what two sheets come to together."""
        return Sheet(
            self.failing + other.failing,
            self.reported + other.reported,
            self.true | other.true,
            self.unlabelled + other.unlabelled,
            self.changed + other.changed,
            self.gone + other.gone,
        )


def read_labels(text: str) -> Labels:
    """Return what a file of labels holds.

    Raises:
        ValueError: It is not TOML, or a label is none, has no reason, or stands twice.
        TypeError: A key is missing, or there is none of that name.
    """
    document = tomllib.loads(text)
    labels: dict[tuple[str, str], Label] = {}
    for entry in document.get("label", []):
        label = Label(**entry)
        where = f"{label.project} {label.id}"
        if label.label not in WORDS:
            raise ValueError(f"{where}: {label.label!r} is none of {', '.join(WORDS)}")
        if not label.reason.strip():
            raise ValueError(f"{where}: a label needs its reason")
        if (label.project, label.id) in labels:
            raise ValueError(f"{where}: it has two labels")
        labels[label.project, label.id] = label
    return Labels(labels, tuple(Wanted(**entry) for entry in document.get("wanted", [])))


def together(project: str, documents: Mapping[str, Mapping[str, Any]]) -> list[Found]:
    """Return the findings of a project, those of all ways put together by id, the failing ones first.

    Args:
        project: Its name.
        documents: The report of each way.
    """
    ways: dict[str, list[str]] = {}
    findings: dict[str, dict[str, Any]] = {}
    for way, document in documents.items():
        for finding in document["findings"]:
            ways.setdefault(finding["id"], []).append(way)
            known = findings.setdefault(finding["id"], finding)
            if finding["fails"] and not known["fails"]:
                findings[finding["id"]] = finding
    ordered = sorted(findings.values(), key=lambda finding: not finding["fails"])
    return [Found(project, finding, tuple(ways[finding["id"]])) for finding in ordered]


def weigh(found: Iterable[Found], labels: Iterable[Label]) -> Sheet:
    """Hold findings against labels.

    Args:
        found: The findings of one or several projects.
        labels: The labels of these projects.
    """
    by_key = {(label.project, label.id): label for label in labels}
    failing: Counter[str] = Counter()
    reported: Counter[str] = Counter()
    true: set[tuple[str, str]] = set()
    unlabelled, changed = [], []
    for one in found:
        label = by_key.pop(one.key, None)
        if label is None:
            unlabelled.append(one)
            continue
        (failing if one.finding["fails"] else reported)[label.label] += 1
        if label.label == TRUE and one.finding["fails"]:
            true.add((one.project, label.bug or label.id))
        if label.verdict != one.finding["verdict"]:
            changed.append((one, label))
    return Sheet(failing, reported, frozenset(true), tuple(unlabelled), tuple(changed), tuple(by_key.values()))


def missed(found: Iterable[Found], labels: Labels) -> list[Wanted]:
    """Return the known bugs that no failing finding with the label ``true`` is about."""
    told = {
        (one.project, function_of(one.finding["place"]))
        for one in found
        if one.finding["fails"] and one.key in labels.labels and labels.labels[one.key].label == TRUE
    }
    return [wanted for wanted in labels.wanted if (wanted.project, wanted.function) not in told]


def shortfalls(sheet: Sheet) -> list[str]:
    """Return the bars that do not hold."""
    found = []
    if (failing := precise(sheet.failing)) < FAILING_PRECISE:
        found.append(f"{failing:.0%} of the failing findings are true or arguable, not {FAILING_PRECISE:.0%}")
    if (reported := precise(sheet.reported)) < REPORTED_PRECISE:
        found.append(f"{reported:.0%} of the reported findings are no noise, not {REPORTED_PRECISE:.0%}")
    if len(sheet.true) < DISTINCT_TRUE:
        found.append(f"{len(sheet.true)} distinct failing findings are true, not {DISTINCT_TRUE}")
    return found


def precise(counts: Counter[str]) -> float:
    """Return the share of labelled findings that are no noise; 1 where there are none."""
    return 1 - counts[NOISE] / counts.total() if counts else 1.0


def function_of(place: str) -> str:
    """Return the function of a place, ``path:line function``; nothing where it has none."""
    match = _PLACE.fullmatch(place)
    return match["function"] if match else ""


def row(name: str, sheet: Sheet) -> tuple[str, ...]:
    """Return a line of the table."""
    return (
        name,
        *(str(sheet.failing[word]) for word in WORDS),
        f"{precise(sheet.failing):.0%}",
        str(len(sheet.true)),
        *(str(sheet.reported[word]) for word in WORDS),
        f"{precise(sheet.reported):.0%}",
        str(len(sheet.unlabelled)),
    )


HEADS = (
    *("project", *(f"failing: {word}" for word in WORDS), "precision", "distinct true"),
    *(*(f"reported: {word}" for word in WORDS), "not noise", "unlabelled"),
)


def table(sheets: Mapping[str, Sheet], held_back: Container[str] = ()) -> str:
    """Return the table, as a page would have it, with the sums below.

    Args:
        sheets: What is known of each project.
        held_back: Those that are summed up on their own, too.
    """
    rows = [HEADS, tuple("---" for _ in HEADS), *(row(name, sheet) for name, sheet in sheets.items())]
    rows.append(row("all", sum_of(sheets.values())))
    apart = [sheet for name, sheet in sheets.items() if name in held_back]
    rows += [row("held back", sum_of(apart))] if apart else []
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def sum_of(sheets: Iterable[Sheet]) -> Sheet:
    """Return what sheets come to together."""
    total = Sheet(Counter(), Counter())
    for sheet in sheets:
        total = total.beside(sheet)
    return total


def to_label(one: Found, sources: Path) -> str:
    """Return what is needed to label a finding: what is told of it, and an entry to fill in.

    Args:
        one: The finding.
        sources: The folder in which its place is looked up.
    """
    finding = one.finding
    kind = "fails" if finding["fails"] else "is reported"
    entry = {
        "project": one.project,
        "id": finding["id"],
        "verdict": finding["verdict"],
        "place": finding["place"],
        "label": "",
        "reason": "",
    }
    return "\n".join(
        (
            f"unlabelled  {one.project} {finding['id']}  {finding['verdict']} {finding['kind']}, {kind},"
            f" {' and '.join(one.ways)}, {len(finding['results'])} runs",
            f"  {finding['title']}",
            f"  {finding['text']}",
            f"  dependency  {finding['dependency']}",
            f"  faults  {', '.join(finding['faults'])}",
            f"  tests  {', '.join(finding['tests'][:3])}",
            f"  again  {finding['replay']}",
            *(f"  {line}" for line in source_lines(finding["place"], sources)),
            "[[label]]",
            # A JSON string is a TOML one.
            *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in entry.items()),
        )
    )


def source_lines(place: str, sources: Path) -> list[str]:
    """Return the lines of source around a place, its own one marked, or why there are none."""
    match = _PLACE.fullmatch(place)
    file = sources / match["file"] if match else None
    if match is None or file is None or not file.is_file():
        return [f"no source of {place or 'a finding without a place'}"]
    wanted = int(match["line"])
    numbered = enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
    return [
        f"{'>' if number == wanted else ' '} {number:5} {line}"
        for number, line in numbered
        if abs(number - wanted) <= AROUND
    ]


def explore_again(
    python: str, explored: explore.Explored, folder: Path, ways: Iterable[explore.Way], budget: str
) -> list[str]:
    """Explore a project; its reports are left in its folder. Return what went wrong."""
    try:
        own, sources = explore.prepare(python, explored, folder)
    except projects.CannotRunError as error:
        return [f"{explored.source.name} cannot be had: {error}"]
    wrong = []
    for way in ways:
        words = [*explore.words_of(way, explored, budget), *explored.tests]
        done = explore.run_suite(own, folder, sources, way, *words)
        if done.crash:
            wrong.append(f"{explored.source.name}, {way}: {done.crash}")
    return wrong


def kept_reports(folder: Path, ways: Iterable[explore.Way]) -> dict[str, dict[str, Any]]:
    """Return the reports that are kept in the folder of a project, by way."""
    files = {way: folder / f"{way}-report.json" for way in ways}
    return {way: json.loads(file.read_text(encoding="utf-8")) for way, file in files.items() if file.is_file()}


def show(sheets: Mapping[str, Sheet], sources: Mapping[str, Path]) -> None:
    """Print what is to be labelled, what changed, what is gone, and the table."""
    for name, sheet in sheets.items():
        for one in sheet.unlabelled:
            projects.say(to_label(one, sources[name]) + "\n")
    for sheet in sheets.values():
        for one, label in sheet.changed:
            projects.say(f"changed  {label.project} {label.id}: {label.verdict} became {one.finding['verdict']}")
        for label in sheet.gone:
            projects.say(f"gone  {label.project} {label.id}  {label.label}: {label.verdict} at {label.place}")
    projects.say(table(sheets, {one.source.name for one in explore.EXPLORED if one.is_held_back}))


@contextlib.contextmanager
def _folder_for(kept: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        yield Path(made) if kept is None else kept.resolve()


def main() -> int:
    """Return 1 if a finding has no label, a report is missing, or, all being judged, a bar does not hold."""
    names = [explored.source.name for explored in explore.EXPLORED]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=names, help="judge this project; may be repeated")
    parser.add_argument("--way", action="append", choices=WAYS, help="judge what is found so (default: both)")
    parser.add_argument("--python", help="an interpreter (default: the first on the path)")
    budget = f"for each sweep over a package (default: {explore.BUDGET})"
    parser.add_argument("--budget", default=explore.BUDGET, help=budget)
    kept = parser.add_mutually_exclusive_group()
    kept.add_argument("--keep", type=Path, metavar="FOLDER", help="keep everything, here, and use it again")
    kept.add_argument("--reports", type=Path, metavar="FOLDER", help="explore nothing; judge what is kept here")
    options = parser.parse_args()
    python = options.python or next(iter(interpreters()), None)
    if python is None and options.reports is None:
        parser.error("no interpreter on the path")
    ways: list[explore.Way] = options.way or list(WAYS)
    labels = read_labels(LABELS.read_text(encoding="utf-8"))
    sheets: dict[str, Sheet] = {}
    wrong: list[str] = []
    found: list[Found] = []
    with _folder_for(options.reports or options.keep) as kept_in:
        sources: dict[str, Path] = {}
        for explored in explore.EXPLORED:
            name = explored.source.name
            if options.only and name not in options.only:
                continue
            if options.reports is None:
                wrong += explore_again(str(python), explored, kept_in / name, ways, options.budget)
            reports = kept_reports(kept_in / name, ways)
            wrong += [f"{name}, {way}: there is no report" for way in ways if way not in reports]
            sources[name] = next((kept_in / name / "sources").glob("*"), kept_in) / explored.part
            findings = together(name, reports)
            found += findings
            sheets[name] = weigh(findings, [label for label in labels.labels.values() if label.project == name])
        show(sheets, sources)
    total = sum_of(sheets.values())
    wrong += [f"{len(total.unlabelled)} findings have no label"] if total.unlabelled else []
    if not options.only and not options.way:
        wrong += shortfalls(total)
        wrong += [f"not found: {one.project} {one.function}: {one.bug}" for one in missed(found, labels)]
    for line in wrong:
        projects.say(line)
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
