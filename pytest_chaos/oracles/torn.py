"""Torn files: which files an injected error has left half written; judged where leaks are, and where the body ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_chaos.observation import Observation
from pytest_chaos.resources.files import Content, FileSeen


@dataclass(frozen=True)
class TornFile:
    """A file that was left half written.

    Attributes:
        file: What it is, and what is left in it.
        whole: What was in it before, or what the plain run writes.
    """

    file: FileSeen
    whole: Content


def written_anew(seen: Observation) -> Iterator[tuple[FileSeen, list[FileSeen]]]:
    """Yield the files that may be torn or left, each with what became of it in the plain run.

    Looked at are files that a function of the project opened which the error left: whoever takes it further in has
    decided what stands in the file. What is added to, such as a log, is whole after each addition.
    """
    passed = {name for way in seen.absorptions for name in way.passed}
    plain = () if seen.steady is None else seen.steady.files
    for file in seen.files:
        if file.function in passed and file.after is not None and file.is_rewritten:
            yield file, [one for one in plain if (one.name, one.place) == (file.name, file.place)]


def torn(file: FileSeen, plain: list[FileSeen]) -> TornFile | None:
    """Return what is torn of a file; ``None`` if it is whole.

    Args:
        file: The file, as :func:`written_anew` gives it.
        plain: What became of it in the plain run.
    """
    wholes = [one.after for one in plain if one.after is not None]
    if file.before is not None:
        wholes.append(file.before)
    if file.after is None or file.after in wholes:
        return None
    cut = [one for one in wholes if file.after.is_cut_off(one)]
    return TornFile(file, max(cut, key=lambda one: one.size)) if cut else None


def has_torn_file(seen: Observation) -> bool:
    """Tell whether a run has left a file half written, and is compared with a plain run."""
    return seen.steady is not None and any(torn(file, plain) for file, plain in written_anew(seen))
