import subprocess
import sys

CHILDREN = []


def fetch():
    return 1


def answer():
    # It ends when this process does.
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    CHILDREN.append(child)
    try:
        value = fetch()
    except ConnectionError:
        return 0
    child.communicate()
    return value
