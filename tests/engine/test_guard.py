"""Bodies that never end by themselves: who is ended, who is let alone, and what is said of it.

Limits are small because these tests wait for them; nothing here measures time.
"""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_chaos import compat
from pytest_chaos.guard import CONFIRMED_S, Limits, Patrol, WaitEnded, _Part
from pytest_chaos.resources.standstill import Standstill, StandstillSeen

FOR_EVER = Limits(late_s=30.0)
"""What is ended in time is ended by a proof."""

SYSTEM = """
import asyncio, contextlib, queue, socket, subprocess, threading, time
from concurrent.futures import ThreadPoolExecutor

def load(): return 1
async def fetch(): return 1

guard = threading.Lock()

def worker(answers):
    with contextlib.suppress(OSError):
        answers.put(load())

def waits_for_a_dead_thread():
    answers = queue.Queue()
    threading.Thread(target=worker, args=(answers,), daemon=True).start()
    return answers.get()

def leaves_a_lock_held():
    with contextlib.suppress(OSError):
        guard.acquire()
        load()
        guard.release()
    with guard:
        return 1

async def work(jobs):
    while True:
        await jobs.get()
        try:
            await fetch()
        except Exception:
            continue
        jobs.task_done()

async def waits_for_a_task():
    jobs = asyncio.Queue()
    jobs.put_nowait(1)
    task = asyncio.create_task(work(jobs), name="the worker")
    await jobs.join()
    task.cancel()

def reads_what_never_comes():
    here, there = socket.socketpair()
    with here, there:
        try:
            there.sendall(b"%d" % load())
        except OSError:
            pass
        return here.recv(1)

def polls_for_ever():
    with contextlib.suppress(OSError):
        return load()
    while True:
        time.sleep(0.001)

def takes_its_time(seconds):
    with contextlib.suppress(OSError):
        load()
    time.sleep(seconds)

def steps(seconds):
    with contextlib.suppress(OSError):
        load()
    for _ in range(20):
        time.sleep(seconds / 20)

def gives_up(seconds):
    answers = queue.Queue()
    threading.Thread(target=worker, args=(answers,), daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except queue.Empty:
        return "gave up"

def computes(library, seconds):
    with contextlib.suppress(OSError):
        load()
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(library, seconds).result()

def tries_again(library):
    with contextlib.suppress(OSError):
        load()
    answers, tries = queue.Queue(), []
    def try_once():
        tries.append(1)
        if len(tries) < 25:
            raise ValueError("not yet")
        return "at last"
    threading.Thread(target=lambda: answers.put(library.retries(try_once)), daemon=True).start()
    return answers.get()

def waits_for_a_loop(library):
    with contextlib.suppress(OSError):
        load()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    async def gathers():
        await asyncio.gather(asyncio.sleep(1.2))
        return "gathered"
    ticker = asyncio.run_coroutine_threadsafe(library.ticks(), loop)
    try:
        return asyncio.run_coroutine_threadsafe(gathers(), loop).result()
    finally:
        ticker.cancel()
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

def waits_for_a_client(start):
    with contextlib.suppress(OSError):
        load()
    with socket.create_server(("127.0.0.1", 0)) as server:
        start(server.getsockname()[1])
        connection = server.accept()[0]
        with connection:
            return connection.recv(10)

def waits_beside_a_server(start):
    with contextlib.suppress(OSError):
        load()
    came = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve():
            with server.accept()[0]:
                came.set()
        thread = threading.Thread(target=serve)
        thread.start()
        start(server.getsockname()[1])
        came.wait()
        thread.join()

def runs_a_child(*command):
    with contextlib.suppress(OSError):
        load()
    return subprocess.run(command).returncode

def swallows_everything(times):
    ends = []
    with contextlib.suppress(OSError):
        load()
    for _ in range(times):
        lock = threading.Lock()
        lock.acquire()
        try:
            lock.acquire()
        except BaseException:
            ends.append("swallowed")
    return ends
"""
LIBRARY = """
import asyncio, time

def sleeps(seconds):
    for _ in range(40):
        time.sleep(seconds / 40)
    return "slept"

def retries(function):
    while True:
        try:
            return function()
        except ValueError:
            time.sleep(0.05)

async def ticks():
    while True:
        await asyncio.sleep(0.05)

def computes(seconds):
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass
    return "computed"
"""
ONLY_WHERE_PROVED = pytest.mark.skipif(not compat.CAN_PROVE_HANGS, reason="nothing can be proved on this system")


@pytest.fixture
def system(lab: Any) -> Any:
    return lab.module("system", SYSTEM)


@pytest.fixture
def library(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """A module outside of the project and its tests."""
    file = tmp_path_factory.mktemp("elsewhere") / "a_library.py"
    file.write_text(LIBRARY, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("a_library", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def standstills(seen: Any) -> list[tuple[str, str]]:
    return [(one.phase, one.end) for one in seen.observation.standstills]


# --- proved


NEVER: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "a thread that died": ("load", lambda s: s.waits_for_a_dead_thread(), "in queue.Queue.get"),
    "a lock that is held": ("load", lambda s: s.leaves_a_lock_held(), "in `with guard:`"),
    "a task": ("fetch", lambda s: asyncio.run(s.waits_for_a_task()), "in asyncio.queues.Queue.join"),
}


@ONLY_WHERE_PROVED
@pytest.mark.no_leaks("off")  # what the inner census must find is there for an outer one too
@pytest.mark.parametrize("name", list(NEVER))
def test_body_that_waits_for_ever_is_ended_and_hung(system: Any, lab: Any, name: str) -> None:
    point, body, what = NEVER[name]

    seen = lab.run(lambda: body(system), f"system:{point} = raise(OSError)", limits=FOR_EVER)

    assert ("hung", [("body", "proved")]) == (seen.verdict, standstills(seen))
    assert "the body never ends: " in seen.texts[0]
    waiting = [line for line in seen.texts[0].splitlines() if "waiting: " in line]
    assert [line for line in waiting if "system.py:" in line and what in line], seen.texts[0]


@ONLY_WHERE_PROVED
def test_held_lock_is_told_by_its_name(system: Any, lab: Any) -> None:
    seen = lab.run(system.leaves_a_lock_held, "system:load = raise(OSError)", limits=FOR_EVER)

    assert "\n  held: lock guard, made at system.py:8 in <module>" in seen.texts[0]


@ONLY_WHERE_PROVED
@pytest.mark.no_leaks("off")  # what the inner census must find is there for an outer one too
def test_each_task_that_waits_is_told_by_its_name(system: Any, lab: Any) -> None:
    seen = lab.run(lambda: asyncio.run(system.waits_for_a_task()), "system:fetch = raise(OSError)", limits=FOR_EVER)

    assert "every thread and task is waiting for another" in seen.texts[0]
    assert "\n  waiting: the worker at system.py:" in seen.texts[0]


@ONLY_WHERE_PROVED
def test_who_swallows_the_interruption_is_interrupted_again(system: Any, lab: Any) -> None:
    answers: list[Any] = []
    seen = lab.run(
        lambda: answers.append(system.swallows_everything(3)), "system:load = raise(OSError)", limits=FOR_EVER
    )

    assert [["swallowed"] * 3] == answers
    assert ("hung", [("body", "proved")] * 3) == (seen.verdict, standstills(seen))


# --- not proved


@pytest.mark.parametrize("name", ["reads_what_never_comes", "waits_for_a_dead_thread"])
def test_body_that_is_quiet_for_too_long_is_ended(system: Any, lab: Any, monkeypatch: Any, name: str) -> None:
    monkeypatch.setattr(compat, "CAN_PROVE_HANGS", False)
    seen = lab.run(getattr(system, name), "system:load = raise(OSError)", limits=Limits(quiet_s=0.4))

    assert ("hung", [("body", "quiet")]) == (seen.verdict, standstills(seen))
    assert "the body stalled: no line of the project or the tests ran for 0.4 s" in seen.texts[0]
    assert "waiting: MainThread at system.py:" in seen.texts[0]


def test_body_that_goes_on_for_ever_is_ended_in_the_end(system: Any, lab: Any) -> None:
    seen = lab.run(system.polls_for_ever, "system:load = raise(OSError)", limits=Limits(quiet_s=0.3, late_s=0.9))

    assert ("hung", [("body", "late")]) == (seen.verdict, standstills(seen))


def test_nobody_looks_after_a_body_without_limits(system: Any, lab: Any) -> None:
    before = set(threading.enumerate())

    lab.run(lambda: None, "system:load = raise(OSError)")

    assert set(threading.enumerate()) <= before


def connect_from_elsewhere(port: int) -> None:
    """By a process that is no child of this one any more."""
    code = f"import socket, time; time.sleep(1); socket.create_connection(('127.0.0.1', {port})).sendall(b'hello')"
    shell = f'{sys.executable} -c "{code}" &'
    subprocess.run(["sh", "-c", shell], check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


WITH_AN_END: dict[str, Callable[[Any, Any], Any]] = {
    "sleeps": lambda s, library: s.takes_its_time(0.5),
    "waits with a timeout": lambda s, library: s.gives_up(0.5),
    "waits for a library's job that sleeps": lambda s, library: s.computes(library.sleeps, 0.8),
    "waits for a library's job that computes": lambda s, library: s.computes(library.computes, 0.4),
    "waits for a thread in which a library tries again": lambda s, library: s.tries_again(library),
    "waits for a task of a loop in another thread": lambda s, library: s.waits_for_a_loop(library),
    "waits for a client from elsewhere": lambda s, library: s.waits_for_a_client(connect_from_elsewhere),
    "waits beside a thread of its own that waits for a client": lambda s, library: s.waits_beside_a_server(
        connect_from_elsewhere
    ),
    "waits for a child": lambda s, library: s.runs_a_child(sys.executable, "-c", "import time; time.sleep(0.5)"),
}


@pytest.mark.parametrize("name", list(WITH_AN_END))
def test_body_that_ends_by_itself_is_not_ended(system: Any, lab: Any, library: Any, name: str) -> None:
    """No proof may be found meanwhile."""
    seen = lab.run(lambda: WITH_AN_END[name](system, library), "system:load = raise(OSError)", limits=FOR_EVER)

    assert [] == standstills(seen)
    assert "hung" != seen.verdict


def test_what_runs_line_by_line_is_not_quiet(system: Any, lab: Any) -> None:
    seen = lab.run(lambda: system.steps(1.2), "system:load = raise(OSError)", limits=Limits(quiet_s=0.8))

    assert [] == standstills(seen)


class Clocks:
    """The time, and the processor time that was taken, as a test says."""

    now_s = 100.0
    computed_s = 1.0

    def standstill(self, lab: Any, **options: Any) -> Standstill:
        return Standstill(
            lab.laboratory.provenance,
            list,
            threading.get_ident(),
            clock=lambda: self.now_s,
            computed=lambda: self.computed_s,
            **options,
        )


def look_from_elsewhere(look: Callable[[], Any]) -> None:
    looker = threading.Thread(target=look)
    looker.start()
    looker.join()


def test_who_computes_is_not_quiet(lab: Any) -> None:
    """No line of the project runs meanwhile; but the process does not stand still."""
    clocks = Clocks()
    standstill = clocks.standstill(lab)
    quiet: list[float] = []

    def look() -> None:
        while standstill.quiet_s < 0.5:
            clocks.now_s += 0.5
            standstill.look()  # until the test has come to its wait
        clocks.now_s += 0.5
        clocks.computed_s += 60.0
        standstill.look()
        quiet.append(standstill.quiet_s)

    look_from_elsewhere(look)

    assert [0.0] == quiet


def test_who_calls_is_not_quiet(lab: Any) -> None:
    """Nobody was seen to run, but calls were counted."""
    clocks, calls = Clocks(), iter([0] * 1000)
    counted = [0]
    standstill = clocks.standstill(lab, calls=lambda: counted[0] + next(calls))
    quiet: list[float] = []

    def look() -> None:
        while standstill.quiet_s < 0.5:
            clocks.now_s += 0.5
            standstill.look()  # until the test has come to its wait
        counted[0] += 1
        standstill.look()
        quiet.append(standstill.quiet_s)

    look_from_elsewhere(look)

    assert [0.0] == quiet


def test_time_in_which_the_whole_process_was_stopped_does_not_count(lab: Any) -> None:
    clocks = Clocks()
    standstill = clocks.standstill(lab)

    clocks.now_s += 3600.0
    standstill.wait()

    assert (1.0, 1.0) == (standstill.quiet_s, standstill.age_s)


def test_held_up_call_is_no_standstill(system: Any, lab: Any) -> None:
    """It is known what the body waits for, and that this ends."""
    seen = lab.run(system.load, "system:load = delay(0.8)", limits=Limits(quiet_s=0.3))

    assert [] == standstills(seen)


def test_child_that_lives_spoils_the_proof(system: Any, lab: Any) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        seen = lab.run(system.waits_for_a_dead_thread, "system:load = raise(OSError)", limits=Limits(quiet_s=0.4))
        child.kill()

    assert [("body", "quiet")] == standstills(seen)


# --- set-up and teardown


@ONLY_WHERE_PROVED
def test_teardown_that_waits_for_ever_is_ended_by_an_error_that_pytest_goes_on_from(system: Any, lab: Any) -> None:
    experiment = lab.experiment("system:load = raise(OSError)", limits=FOR_EVER)
    lock = threading.Lock()
    lock.acquire()
    with experiment.looked_after():
        with experiment.body():
            pass
        with experiment.during("teardown"), pytest.raises(WaitEnded, match="the teardown never ends") as caught:
            lock.acquire()
    seen, judgement = experiment.conclude()

    assert isinstance(caught.value, Exception)
    assert [("teardown", "proved")] == [(one.phase, one.end) for one in seen.standstills]
    assert "hung" == judgement.verdict.value


def part(lab: Any, phase: Any, limits: Limits) -> _Part:
    return _Part(phase, Standstill(lab.laboratory.provenance, list, threading.get_ident()), limits)


def test_setup_takes_its_time_where_no_fault_has_acted(lab: Any) -> None:
    assert part(lab, "set-up", Limits(0.0, 0.0, with_setup=False)).is_due() is None
    assert ("quiet", 0.0) == part(lab, "set-up", Limits(0.0, 0.0)).is_due()
    assert ("quiet", 0.0) == part(lab, "teardown", Limits(0.0, 0.0, with_setup=False)).is_due()


def test_fixture_may_wait_for_a_child(lab: Any) -> None:
    """Such as one that ends a container; what the system waits for is another matter."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        found = {phase: part(lab, phase, Limits(quiet_s=0.0)).is_due() for phase in ("set-up", "body", "teardown")}
        child.kill()

    assert {"set-up": None, "body": ("quiet", 0.0), "teardown": None} == found


def test_look_that_fails_ends_neither_the_guard_nor_the_limit(lab: Any, monkeypatch: Any) -> None:
    laboratory = lab.laboratory
    monkeypatch.setattr(Standstill, "look", lambda standstill: {}["changed"])
    patrol = Patrol(laboratory.guard, laboratory.provenance, list, list, Limits(late_s=0.5))
    with patrol.around(), patrol.during("set-up"), pytest.raises(WaitEnded, match="did not end within"):
        threading.Event().wait(60)

    assert ["late"] == [seen.end for seen in patrol.ended]


def test_interruption_that_comes_too_late_does_nothing(lab: Any) -> None:
    """The part it was meant for has ended by itself meanwhile, and then the run."""
    laboratory = lab.laboratory
    patrol = Patrol(laboratory.guard, laboratory.provenance, list, list, Limits(quiet_s=0.0))
    with patrol.around():
        with patrol.during("set-up"):
            interrupt, patrol._interrupt = patrol._interrupt, lambda: False
            while patrol._due is None:
                time.sleep(0.01)  # until the guard has looked
        with patrol.during("set-up"):
            assert interrupt()
    assert not interrupt(), "what the signal does now is to end the process"

    assert [] == patrol.ended


def test_ends_that_somebody_swallows_are_noted_a_few_times_only(lab: Any) -> None:
    laboratory = lab.laboratory
    patrol = Patrol(laboratory.guard, laboratory.provenance, list, list, Limits())
    seen = StandstillSeen("body", "late", "", 1.0)

    assert all(patrol._note(part(lab, "body", Limits()), seen) for _ in range(50))
    assert 10 == len(patrol.ended)


def test_nobody_is_ended_while_somebody_debugs(lab: Any) -> None:
    laboratory = lab.laboratory
    patrol = Patrol(laboratory.guard, laboratory.provenance, list, list, Limits(quiet_s=0.0, late_s=0.0))
    laboratory.guard.pause()
    with patrol.around(), patrol.during("set-up"):
        time.sleep(0.5)  # as at a prompt; the guard looks several times meanwhile
    laboratory.guard.resume()

    assert [] == patrol.ended


def test_frames_of_the_system_are_not_kept_after_a_part(lab: Any) -> None:
    laboratory = lab.laboratory
    patrol = Patrol(laboratory.guard, laboratory.provenance, list, list, Limits())
    with patrol.during("set-up"):
        part = patrol._part
        assert part is not None
        look_from_elsewhere(part.standstill.look)
        assert part.standstill._seen

    assert {} == part.standstill._seen


def test_file_of_this_test_is_test_code(lab: Any) -> None:
    """Else none of the above shows what it says."""
    assert "test" == lab.laboratory.provenance.of_file(str(Path(__file__)))


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([], Limits(30.0, 40.0)),
        (["proved"], Limits(30.0, 40.0)),
        (["quiet"], Limits(CONFIRMED_S, 40.0)),
        (["late"], Limits(CONFIRMED_S, 10.0 + CONFIRMED_S)),
        (["proved", "late"], Limits(CONFIRMED_S, 10.0 + CONFIRMED_S)),
    ],
)
def test_run_that_confirms_another_does_not_wait_as_long_again(ends: Any, expected: Limits) -> None:
    assert Limits(30.0, 40.0).once_more(ends) == expected


def test_limits_that_are_shorter_already_or_missing_stay_when_a_run_is_confirmed() -> None:
    assert Limits(1.0, 3.0).once_more(["late"]) == Limits(1.0, 3.0)
    assert Limits(None, None).once_more(["quiet", "late"]) == Limits(None, None)
