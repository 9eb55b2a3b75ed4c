"""Threads that deliver."""

import queue
import threading


class Worker:
    def __init__(self, jobs, hooks):
        self.jobs = jobs
        self.hooks = hooks
        self.queue = queue.Queue()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        while (number := self.queue.get()) is not None:
            url, text = self.jobs.get(number)
            self.jobs.finish(number, self.hooks.deliver(url, text))
            self.queue.task_done()

    def submit(self, url, text):
        number = self.jobs.add(url, text)
        self.queue.put(number)
        return number

    def flush(self):
        """Wait until everything is delivered."""
        self.queue.join()

    def stop(self):
        self.queue.put(None)
        self.thread.join(5)


def broadcast(hooks, url, texts):
    """Deliver several texts at once; return how many went out."""
    left = hooks.quota(f"{url}/quota")
    if left < len(texts):
        return 0
    sent = []
    threads = [threading.Thread(target=lambda text=text: sent.append(hooks.deliver(url, text))) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(sent)
