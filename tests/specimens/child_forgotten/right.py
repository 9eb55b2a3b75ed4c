import subprocess
import sys


def fetch():
    return 1


def answer():
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        return fetch()
    except ConnectionError:
        return 0
    finally:
        child.communicate()
