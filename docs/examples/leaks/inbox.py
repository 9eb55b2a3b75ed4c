"""Looks for new letters."""

import threading

import metrics


class Inbox:
    """Polls in a thread of its own."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="inbox", daemon=True)
        self._thread.start()
        metrics.count("inboxes")

    def _poll(self) -> None:
        self._ended.wait()

    def close(self) -> None:
        """Stop polling."""
        self._ended.set()
        self._thread.join()
