"""The other end of the line."""

import json
import socket
import time
import urllib.error
import urllib.request


class Hooks:
    def __init__(self, tokens):
        self.tokens = tokens
        self.known = {}

    def token(self):
        """The token that hooks want to see; it is fetched once."""
        if "token" not in self.known:
            try:
                with urllib.request.urlopen(self.tokens, timeout=2) as answer:
                    self.known["token"] = json.load(answer)["token"]
            except OSError:
                self.known["token"] = ""
        return self.known["token"]

    def deliver(self, url, text):
        request = urllib.request.Request(url, text.encode(), {"Authorization": self.token()})
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status

    def wake(self, url):
        """Knock until the hook is awake."""
        while True:
            try:
                with urllib.request.urlopen(url, timeout=2) as answer:
                    return answer.status
            except OSError:
                time.sleep(0.005)

    def quota(self, url):
        """How many notices a hook still takes."""
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return json.load(answer)["left"]
        except urllib.error.HTTPError as error:
            return 0 if error.code == 429 else None
        except urllib.error.URLError as error:
            return 0 if error.code == 503 else None


def count(host, port, name):
    """Tell the statistics server that something happened, and how often that was by now."""
    line = socket.create_connection((host, port), timeout=2)
    line.sendall(f"{name}\n".encode())
    answer = line.recv(64)
    line.close()
    return int(answer)
