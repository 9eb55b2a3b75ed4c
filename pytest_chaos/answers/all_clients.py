"""All watched clients together, and what stands in for a client that nobody knows."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from pytest_chaos.answers.boundaries import BOUNDARIES
from pytest_chaos.answers.clients import CLIENTS
from pytest_chaos.answers.late_bodies import READERS, LateBodies
from pytest_chaos.answers.runners import RUNNERS
from pytest_chaos.answers.watching import Client, Watcher
from pytest_chaos.injector.importing import Imports
from pytest_chaos.observation import Answer
from pytest_chaos.provenance import Provenance


@contextlib.contextmanager
def watched_answers(
    provenance: Provenance, record: Callable[[Answer], None], imports: Imports | None = None
) -> Iterator[None]:
    """Report each answer while the context lasts; at its end those of applications, if no client had any for the test.

    Args:
        provenance: Tells whether the test itself sent the request.
        record: Called with each answer, from any thread.
        imports: Tells of clients and applications that are imported meanwhile; by default of none.
    """
    of_applications: list[Answer] = []
    received: list[Answer] = []

    late = LateBodies()

    def of_application(client: Client, answer: Answer, response: object) -> None:
        of_applications.append(answer)

    def came(client: Client, answer: Answer, response: object) -> None:
        if client.is_direct and answer.body is None:
            answer = replace(answer, body=_body_of(answer, of_applications))
        if answer.kind == "http" and answer.is_to_driver:
            received.append(answer)
        if not late.waits_for(answer, response):
            record(answer)

    clients, applications = Watcher(provenance, came), Watcher(provenance, of_application, hears_inner=True)
    by_module: dict[str, list[Callable[[], Callable[[], None] | None]]] = {}
    for watcher, watched in ((clients, (*CLIENTS, *RUNNERS)), (applications, BOUNDARIES)):
        for client in watched:
            by_module.setdefault(client.module, []).append(functools.partial(watcher.watch, client))
    for reader in READERS:
        by_module.setdefault(reader.module, []).append(functools.partial(late.watch, reader))
    try:
        with contextlib.ExitStack() as stack:

            def watch(module: str) -> None:
                for begin in by_module[module]:
                    undo = begin()
                    if undo is not None:
                        stack.callback(undo)

            with (imports or Imports()).as_loaded(by_module, watch):
                yield
    finally:
        for answer in (*late.taken(), *(() if received else of_applications)):
            record(answer)


def _body_of(answer: Answer, of_applications: Sequence[Answer]) -> bytes | None:
    last = of_applications[-1] if of_applications else None
    return last.body if last is not None and (last.method, last.status) == (answer.method, answer.status) else None
