"""Feeds: JSON lists, over HTTP."""

import json
import urllib.error
import urllib.request


class FeedError(Exception):
    """A feed could not be read."""


def read(url):
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def read_patiently(url):
    """Read a feed that is down now and then."""
    while True:
        try:
            return read(url)
        except urllib.error.URLError:
            continue


def title(url):
    """The title of a feed."""
    try:
        with urllib.request.urlopen(f"{url}/title", timeout=2) as answer:
            return json.load(answer)["title"]
    except urllib.error.URLError as error:
        raise FeedError(f"{url}: {error.headers['Retry-After']}") from error


class Titles:
    def __init__(self):
        self.known = {}

    def get(self, url):
        if url not in self.known:
            try:
                self.known[url] = title(url)
            except Exception:
                self.known[url] = "untitled"
        return self.known[url]
