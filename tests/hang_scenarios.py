"""Small systems that meet an injected hang, and what must be said of each: for tests, and for benchmarks/hangs.py.

The first eight are those on which the method was tried out. In the others something rescues the system late, and each
time it is something else: said to be hung, and proved, they would be wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SOURCE = """
import asyncio, contextlib, os, queue, signal, socket, subprocess, sys, threading, time
from concurrent.futures import ThreadPoolExecutor

def pay(): return "paid"

def plain():
    return pay()

def worker_with_a_timeout():
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(pay).result(0.2)
    except TimeoutError:
        return "fallback"
    finally:
        pool.shutdown(wait=False)

def worker_without_a_timeout():
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(pay).result()

def worker_holds_a_lock():
    lock, held = threading.Lock(), threading.Event()
    def work():
        with lock:
            held.set()
            pay()
    threading.Thread(target=work).start()
    held.wait()
    with lock:
        return "got the lock"

async def _blocks():
    return pay()

async def _in_a_loop():
    try:
        return await asyncio.wait_for(_blocks(), 0.2)
    except TimeoutError:
        return "fallback"

def sync_on_the_thread_of_a_loop():
    return asyncio.run(_in_a_loop())

@contextlib.contextmanager
def _on_signal(number):
    def late(number, frame):
        raise TimeoutError
    before = signal.signal(number, late)
    try:
        yield
    finally:
        signal.signal(number, before)

def rescued_by_an_alarm():
    with _on_signal(signal.SIGALRM):
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        try:
            return pay()
        except TimeoutError:
            return "fallback"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

async def _in_a_worker():
    try:
        return await asyncio.wait_for(asyncio.to_thread(pay), 0.2)
    except TimeoutError:
        return "fallback"

def to_thread_with_a_timeout():
    return asyncio.run(_in_a_worker())

def retries_whatever_comes():
    for _ in range(3):
        try:
            return pay()
        except:
            pass
    return "swallowed"

# --- rescued late

def _waits_while(rescue):
    answers = queue.Queue()
    threading.Thread(target=lambda: answers.put(pay()), daemon=True).start()
    rescuer = threading.Thread(target=rescue, args=(answers,))
    rescuer.start()
    answer = answers.get()
    rescuer.join()
    return answer

def rescued_by_a_thread_that_sleeps():
    def rescue(answers):
        time.sleep(0.2)
        answers.put("fallback")
    return _waits_while(rescue)

def rescued_by_a_thread_that_works():
    def rescue(answers):
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            pass
        answers.put("fallback")
    return _waits_while(rescue)

def rescued_by_threads_that_wake_each_other():
    def rescue(answers):
        here, there = threading.Semaphore(0), threading.Semaphore(0)
        def other():
            while True:
                there.acquire()
                if done:
                    return
                here.release()
        done = []
        thread = threading.Thread(target=other)
        thread.start()
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            there.release()
            here.acquire()
        done.append(True)
        there.release()
        thread.join()
        answers.put("fallback")
    return _waits_while(rescue)

def rescued_by_a_socket():
    here, there = socket.socketpair()
    with here, there:
        def rescue(answers):
            answers.put(here.recv(10).decode())
        # What answers is no child of this process, as a server is none.
        subprocess.run(["sh", "-c", "(sleep 0.2; printf fallback) &"], stdout=there)
        return _waits_while(rescue)

def rescued_by_a_signal_of_a_child():
    with _on_signal(signal.SIGUSR1):
        program = "import os, signal, sys, time; time.sleep(0.2); os.kill(int(sys.argv[1]), signal.SIGUSR1)"
        child = subprocess.Popen([sys.executable, "-S", "-E", "-c", program, str(os.getpid())])
        try:
            return pay()
        except TimeoutError:
            return "fallback"
        finally:
            child.wait()
"""


@dataclass(frozen=True)
class Scenario:
    """A system with a hang in it.

    Attributes:
        name: The function of ``SOURCE`` that is called.
        answer: What it answers; ``None`` if the release ends it.
        verdict: What is said.
        outcome: What becomes of the parked call.
        is_proved: Whether it is said without waiting for the budget.
        kinds: The kinds of evidence.
    """

    name: str
    answer: str | None
    verdict: str
    outcome: str
    is_proved: bool = False
    kinds: tuple[str, ...] = ()

    def body(self, shop: Any, answers: list[Any]) -> Callable[[], None]:
        """Return the body of a test that calls the system and keeps its answer."""
        return lambda: answers.append(getattr(shop, self.name)())


EIGHT = (
    Scenario("plain", None, "hung", "hung", True, ("hang",)),
    Scenario("worker_with_a_timeout", "fallback", "resilient", "abandoned", kinds=("abandoned",)),
    Scenario("worker_without_a_timeout", None, "hung", "hung", True, ("hang",)),
    Scenario("worker_holds_a_lock", "got the lock", "hung", "hung", True, ("hang",)),
    Scenario("sync_on_the_thread_of_a_loop", None, "hung", "hung", True, ("hang", "loop-blocked")),
    Scenario("rescued_by_an_alarm", "fallback", "resilient", "left"),
    Scenario("to_thread_with_a_timeout", "fallback", "resilient", "abandoned", kinds=("abandoned",)),
    Scenario("retries_whatever_comes", "swallowed", "hung", "hung", True, ("hang",)),
)
RESCUED = (
    Scenario("rescued_by_a_thread_that_sleeps", "fallback", "resilient", "abandoned", kinds=("abandoned",)),
    Scenario("rescued_by_a_thread_that_works", "fallback", "resilient", "abandoned", kinds=("abandoned",)),
    Scenario("rescued_by_threads_that_wake_each_other", "fallback", "resilient", "abandoned", kinds=("abandoned",)),
    Scenario("rescued_by_a_socket", "fallback", "resilient", "abandoned", kinds=("abandoned",)),
    Scenario("rescued_by_a_signal_of_a_child", "fallback", "resilient", "left"),
)
