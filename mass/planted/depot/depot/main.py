"""The command line."""

import argparse
import os
import socket
import sys
from pathlib import Path

from depot import pack
from depot.index import Index, Locked
from depot.settings import read_settings


def store(folder, source):
    archive = folder / f"{source.name}.tar"
    pack.pack(source, archive)
    digest = pack.digest(archive)
    Index(folder).add(archive.name, digest)
    return digest


def verify(folder):
    """The names of the archives that are not what they were."""
    return [
        name
        for name, digest in Index(folder).read().items()
        if not (folder / name).exists() or pack.digest(folder / name) != digest
    ]


def prune(folder):
    """Remove the oldest archives."""
    keep = read_settings(folder / "depot.conf")["keep"]
    archives = sorted(folder.glob("*.tar"), key=lambda path: path.stat().st_mtime)
    gone = []
    for path in archives[: max(0, len(archives) - keep)]:
        os.unlink(path)
        gone.append(path.name)
    return gone


def send(archive, host, port):
    """Send an archive to a mirror; it answers with the number of bytes it got."""
    line = socket.create_connection((host, port))
    line.sendall(archive.read_bytes())
    line.shutdown(socket.SHUT_WR)
    answer = line.recv(64)
    line.close()
    return int(answer)


def main(arguments):
    parser = argparse.ArgumentParser("depot")
    parser.add_argument("folder", type=Path)
    parser.add_argument("command", choices=["store", "list", "verify", "prune"])
    parser.add_argument("source", type=Path, nargs="?")
    options = parser.parse_args(arguments)
    try:
        if options.command == "store":
            print(store(options.folder, options.source))
        elif options.command == "list":
            for name in Index(options.folder).read():
                print(name, *pack.contents(options.folder / name))
        elif options.command == "prune":
            print(*prune(options.folder))
        else:
            return 1 if verify(options.folder) else 0
    except Locked as error:
        print(f"locked: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"depot: {error}", file=sys.stderr)
    return 0
