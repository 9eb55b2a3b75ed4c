"""The programs that do the work."""

import os
import shutil
import subprocess
import tempfile


class PackError(Exception):
    """A program failed."""


def pack(source, target):
    """Pack the folder `source` into the file `target`."""
    folder = tempfile.mkdtemp(dir=target.parent)
    half = os.path.join(folder, "half.tar")
    try:
        subprocess.run(["tar", "-cf", half, "-C", str(source), "."], check=True)
    except subprocess.CalledProcessError as error:
        raise PackError(error.stderr.decode()) from error
    os.replace(half, target)
    shutil.rmtree(folder)


def contents(archive):
    """The names of the files in an archive."""
    listing = subprocess.run(["tar", "-tf", str(archive)], capture_output=True, check=True, text=True, timeout=30)
    return sorted(line[2:] for line in listing.stdout.splitlines() if line[2:])


def digest(archive):
    """The SHA-256 of a file, from the program for it."""
    child = subprocess.Popen(["sha256sum"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with open(archive, "rb") as file:
        while block := file.read(4096):
            child.stdin.write(block)
    out, _ = child.communicate(timeout=30)
    return out.split()[0].decode()
