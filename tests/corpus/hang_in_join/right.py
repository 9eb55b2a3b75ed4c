import logging
import threading

log = logging.getLogger(__name__)


def count(shelf):
    return 6


def count_all(shelves):
    counts = {}

    def work(shelf):
        try:
            counts[shelf] = count(shelf)
        except (ConnectionError, TimeoutError):
            log.warning("shelf %s was not counted", shelf)

    workers = [threading.Thread(target=work, args=(shelf,), daemon=True) for shelf in shelves]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(0.2)
    return dict(counts)
