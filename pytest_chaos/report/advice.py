"""What to do about a finding: one sentence for each kind of evidence, and one for each verdict."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


def advice(verdict: str, kind: str, oracle: str) -> str:
    """Return one sentence that says what to do.

    Args:
        verdict: The verdict's word.
        kind: The kind of the evidence.
        oracle: The oracle that saw it; what one of a third party saw is advised on by its verdict alone.
    """
    return ADVICE.get((oracle, kind)) or BY_VERDICT.get(verdict, "")


_LIMIT = "Give this call a time limit, and handle the error it raises when time runs out."
_SAVE_FIRST = "Guard against the missing result: check for None, or give the variable a value before the call."
_CAUSE = "Chain the error to its cause (raise ... from error), so that the traceback shows what failed first."
_CLOSE = "in a finally clause, or use a with statement."

ADVICE: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("exercised", "specification"): "Correct the rule.",
        ("exercised", "never-fired"): "Let the test call the target, or correct the target or the trigger of the rule.",
        ("exercised", "unconfirmed"): "Run this scenario alone, or give the run a larger --chaos-budget.",
        ("exercised", "unstable"): "Run the test several times without faults, and remove what makes it vary.",
        ("exercised", "cold"): "Nothing to do: this only says that the scenario was run in a fresh process.",
        ("hang", "hang"): _LIMIT,
        ("hang", "timed-wait"): (
            "Raise the hang budget (--chaos-hang-budget) above the limit of this wait, to see what comes after it."
        ),
        ("hang", "unbounded"): _LIMIT,
        ("hang", "standstill"): (
            "Give this wait a limit, or make sure that the failing side always wakes those who wait for it."
        ),
        ("hang", "abandoned"): "Cancel the call once nothing waits for it any more, or give it a time limit.",
        ("hang", "loop-blocked"): (
            "Use an async call here, or move this one to a thread (asyncio.to_thread): it stops the whole event loop."
        ),
        ("error codes", "status"): (
            "Answer this failure with a status the contract allows, or add the status to the contract."
        ),
        ("error codes", "table"): "Map this error to the status that the table wants, or correct the table.",
        ("error codes", "exit-code"): (
            "End with an exit code that the contract allows, or add the code to the contract."
        ),
        ("error codes", "grpc-code"): (
            "Set a code that the contract allows (context.abort), or add the code to the contract."
        ),
        ("bodies", "body"): "Answer every error through one handler that writes the body of the contract.",
        ("deadline", "late"): "Give the calls below shorter limits, or fewer retries, so that they add up to less.",
        ("effects", "doubled"): (
            "Give the call a key by which the other side knows it again, or ask first whether it happened."
        ),
        ("degradation", "optional"): (
            "Answer without what is optional: catch its errors where it is called, or take it out of optional."
        ),
        ("degradation", "core"): "Do the work of the core first, or catch the errors of what is optional around it.",
        ("insides", "inside"): (
            "Answer with a message of your own, and log the error: who reads the answer can do nothing with this, "
            "or too much."
        ),
        ("insides", "other-type"): "Send the body that the header promises, or the header that fits the body.",
        ("forwarding", "forwarded"): (
            "Answer for yourself: a status and a body that tell your own callers what they can do about it."
        ),
        ("ending", "allowed-answer"): "Nothing to do: the contract allows this answer.",
        ("ending", "injected-error"): (
            "Decide where this error is handled: catch it there, and retry, fall back or report it in your own terms."
        ),
        ("ending", "declared-error"): "Nothing to do if callers handle this error; otherwise handle it here.",
        ("ending", "translated"): "Nothing to do if callers handle this error; otherwise handle it here.",
        ("ending", "translated-cause-lost"): _CAUSE,
        ("ending", "assertion"): (
            "Decide whether this is the answer you want when the dependency fails; "
            "if so, allow it in the contract; otherwise handle the failure."
        ),
        ("ending", "answered"): "Nothing to do, if callers expect this answer when the dependency fails.",
        ("ending", "test-error"): (
            "Decide whether this is the answer you want when the dependency fails: the test could not read it."
        ),
        ("ending", "taken-outside"): (
            "Decide where this error is handled: no function of the project takes it before it leaves."
        ),
        ("ending", "logged-error"): _SAVE_FIRST,
        ("ending", "unexpected-body"): (
            "Check the status before the body is read (raise_for_status), and handle that error as an outage."
        ),
        ("ending", "missed-by-handler"): (
            "Let this handler take the error, too, or a common base class of both, if the same should be done about it."
        ),
        ("ending", "unhandled"): (
            "Let the framework's own handler of errors, or this function, answer with what the caller can act on, "
            "such as a 503."
        ),
        ("ending", "own-limit"): "Nothing to do if callers handle this timeout; otherwise handle it here.",
        ("ending", "error-in-handler"): (
            "Make the code that handles the failure work when the call before it has failed: it hides the first error."
        ),
        ("ending", "no-cause"): _SAVE_FIRST,
        ("ending", "other-error"): _SAVE_FIRST,
        ("ending", "unrelated"): "Make the test pass without faults first.",
        ("ending", "teardown-failed"): "Make the fixture's cleanup work even if the test body did not finish.",
        ("ending", "teardown"): "Make the cleanup work even if the test body did not finish.",
        ("ending", "after-torn-file"): "Fix the torn file first: the system broke over what was left of it.",
        ("ending", "after-release"): "Fix the hang first: this came after the waiting call was released.",
        (
            "recovery",
            "probe",
        ): "Find what the failure left behind, such as an open circuit breaker or a dead connection.",
        (
            "recovery",
            "hangs",
        ): "Release locks and replace dead workers when a call fails: the next caller waits for them.",
        (
            "recovery",
            "fails",
        ): "Drop or rebuild what the failure left broken, such as a cached error or a dead connection.",
        ("recovery", "teardown"): "Make the cleanup work even after an earlier failure.",
        (
            "recovery",
            "costs-more",
        ): "Let caches and connections come back after a failure: the same work now takes more calls.",
        ("recovery", "costs-less"): "Do not keep the result of a failed call: the work is no longer done.",
        ("recovery", "unstable"): "Run the test several times without faults, and remove what makes it vary.",
        ("recovery", "remembers"): "Nothing to do: the test keeps something from run to run, even without faults.",
        ("recovery", "polluted"): "Fix what did not recover first, and then look at this again.",
        (
            "lost",
            "task-error",
        ): "Await the task or read the result of the job, or add a callback that logs its exception.",
        (
            "lost",
            "thread-error",
        ): "Catch the error in the thread's function, log it, and let the thread go on or tell its owner.",
        ("lost", "swallowed"): (
            "Log the error or pass it on, and catch only what you expect here: nobody can tell that the call failed."
        ),
        ("lost", "quiet-fallback"): (
            "Log that this answer stands in for a failed call, and catch only the errors that it stands in for."
        ),
        (
            "same answer",
            "other-answer",
        ): "Make the retry start from a clean state: something from the failed attempt ended up in the answer.",
        ("storm", "amplification"): "Limit the number of retries, and wait longer before each.",
        ("storm", "let-through"): "Limit the number of retries: the fault had to be lifted to end them.",
        (
            "storm",
            "no-cap",
        ): "Limit the number of retries or the time they take, and raise an error when it is used up.",
        ("storm", "no-back-off"): "Wait before each retry, longer each time, so that a failing dependency can recover.",
        ("leaks", "thread"): "Tell the thread to stop, and join it, in a finally clause.",
        ("leaks", "executor"): f"Shut the executor down {_CLOSE}",
        ("leaks", "timer"): "Cancel the timer in a finally clause.",
        ("leaks", "task"): "Cancel the task and await it in a finally clause, or use asyncio.TaskGroup.",
        ("leaks", "coroutine"): "Await or close the coroutine, even if the code before that fails.",
        ("leaks", "async-generator"): "Close the generator in a finally clause, or use contextlib.aclosing.",
        ("leaks", "child-process"): "End the child process and wait for it in a finally clause.",
        ("leaks", "file-descriptor"): f"Close it {_CLOSE}",
        ("leaks", "lock"): f"Release the lock {_CLOSE}",
        ("leaks", "permit"): f"Release the permit {_CLOSE}",
        ("leaks", "transport"): f"Close the connection or server {_CLOSE}",
        ("leaks", "dropped-open"): f"Close it {_CLOSE}",
        (
            "leaks",
            "torn-file",
        ): "Write to a temporary file next to it, and move it into place with os.replace once it is complete.",
        ("leaks", "file-left"): "Remove the file in a finally clause.",
    }
)
"""Of each oracle of ours and each kind of its evidence: what to do."""

BY_VERDICT: Mapping[str, str] = MappingProxyType(
    {
        "resilient": "Nothing to do.",
        "degraded": "Nothing to do: the contract allows this answer.",
        "inconclusive": "Look at why the fault proved nothing, and change the test or the rule.",
        "escaped": ADVICE["ending", "injected-error"],
        "changed": ADVICE["ending", "assertion"],
        "storm": ADVICE["storm", "amplification"],
        "lost": "Log the error or pass it on: nobody can tell that the call failed.",
        "leaked": f"Release what was opened {_CLOSE}",
        "not recovered": ADVICE["recovery", "fails"],
        "wrong error": "Raise an error that tells what failed, with the first error as its cause.",
        "hung": _LIMIT,
    }
)
"""What to do where nothing is known but the verdict."""
