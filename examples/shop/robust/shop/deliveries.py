"""Goods coming in: a delivery note is kept as it came and put on the shelf."""

import logging
import queue
import threading
from collections.abc import Sequence
from pathlib import Path

from shop.errors import BadRequest
from shop.stock import Stock

log = logging.getLogger(__name__)


class NoteArchive:
    """Keeps one delivery note on disk, in a thread of its own so that parsing never waits.

    Auditors want the refused notes too, so a line is kept before anybody reads it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="note-archive", daemon=True)
        self._thread.start()

    def keep(self, line: str) -> None:
        """Queue one line."""
        self._lines.put(line)

    def close(self) -> None:
        """Write what is queued, then end the thread."""
        self._lines.put(None)
        self._thread.join()

    def _write(self) -> None:
        try:
            with self._path.open("a", encoding="utf-8") as note:
                while (line := self._lines.get()) is not None:
                    note.write(f"{line}\n")
        except OSError:
            log.exception("delivery note not archived in full")


def parse_line(line: str) -> tuple[str, int]:
    """Read `sku,quantity`.

    Raises:
        ValueError: the line is not of that form, or brings less than one piece.
    """
    sku, _, quantity = line.partition(",")
    if not sku or int(quantity) < 1:
        raise ValueError(f"not a delivery line: {line!r}")
    return sku, int(quantity)


def receive(stock: Stock, lines: Sequence[str], note: Path) -> int:
    """Archive a delivery note, put its goods on the shelf and return the number of pieces.

    Raises:
        BadRequest: a line cannot be read; then nothing is put on the shelf.
    """
    archive = NoteArchive(note)
    rows = []
    try:
        for line in lines:
            archive.keep(line)
            rows.append(parse_line(line))
    except ValueError as error:
        raise BadRequest(str(error)) from error
    finally:
        archive.close()
    stock.restock(rows)
    return sum(quantity for _, quantity in rows)
