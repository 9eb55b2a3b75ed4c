"""A baseline: the findings that are accepted as they are, so that only new ones fail.

A file holds them, as JSON: ``{"version": 1, "findings": [{"id": ..., "verdict": ..., "title": ..., "place": ...}]}``.
Only the ids count; the rest is for who reads it. A report file may be given as well, for it has the same shape.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_chaos.errors import SpecificationError

VERSION = 1
_KEPT = ("id", "verdict", "title", "place")
_ID = re.compile(r"[0-9a-f]{10}")

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Baseline:
    """Findings that are accepted.

    Attributes:
        entries: What is known of each, by its id.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)

    def __contains__(self, id_: str) -> bool:
        return id_ in self.entries

    def gone(self, ids: Collection[str]) -> list[Entry]:
        """Return the accepted findings that did not occur.

        Args:
            ids: Those of the findings that did.
        """
        return [entry for id_, entry in self.entries.items() if id_ not in ids]

    @classmethod
    def read(cls, text: str) -> Baseline:
        """Return the baseline of the text of a file.

        Raises:
            SpecificationError: It is no baseline.
        """
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise SpecificationError(f"it is not valid JSON: {error}", remedy=_REMEDY) from None
        found = document.get("findings") if isinstance(document, dict) else None
        if not isinstance(found, list):
            raise SpecificationError("it has no list 'findings'", remedy=_REMEDY)
        if document.get("version") != VERSION:
            raise SpecificationError(
                f"its version is {document.get('version')!r}, and this release reads {VERSION}", remedy=_REMEDY
            )
        entries: dict[str, Entry] = {}
        for number, entry in enumerate(found, start=1):
            id_ = entry.get("id") if isinstance(entry, dict) else None
            if not isinstance(id_, str) or not _ID.fullmatch(id_):
                raise SpecificationError(
                    f"finding number {number} has the id {id_!r}; an id has ten hexadecimal digits", remedy=_REMEDY
                )
            # A report holds what does not fail as well, and that needs no acceptance.
            if entry.get("fails", True) or entry.get("accepted", False):
                entries[id_] = {key: str(entry.get(key, "")) for key in _KEPT}
        return cls(entries)


_REMEDY = "Write one with --chaos-write-baseline FILE."


def baseline_text(findings: Iterable[Entry], kept: Iterable[Entry] = ()) -> str:
    """Return the text of a baseline that accepts findings.

    Args:
        findings: Those of the session; of these what fails, and what is accepted already.
        kept: Entries of an earlier baseline that stay, though they did not occur.
    """
    accepted = {one["id"]: one for one in (*kept, *(one for one in findings if one["fails"] or one["accepted"]))}
    entries = [{key: one[key] for key in _KEPT} for _, one in sorted(accepted.items())]
    return json.dumps({"version": VERSION, "findings": entries}, indent=2, ensure_ascii=False) + "\n"
