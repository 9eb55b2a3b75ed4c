"""What lies in the depot: a JSON file, and a file that locks it."""

import json
import os


class Locked(Exception):
    """Somebody else works on this depot."""


class Index:
    def __init__(self, folder):
        self.file = folder / "index.json"
        self.lock = folder / "lock"

    def read(self):
        if not self.file.exists():
            return {}
        with open(self.file) as file:
            return json.load(file)

    def write(self, entries):
        with open(self.file, "w") as file:
            json.dump(entries, file, indent=1)

    def add(self, name, digest):
        try:
            handle = os.open(self.lock, os.O_CREAT | os.O_EXCL)
        except FileExistsError as error:
            raise Locked(str(self.lock)) from error
        os.close(handle)
        entries = self.read()
        entries[name] = digest
        self.write(entries)
        os.unlink(self.lock)
