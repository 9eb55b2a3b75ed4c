import subprocess
import sys


def fetch():
    return 1


def answer():
    child = subprocess.Popen([sys.executable, "-S", "-E", "-c", "pass"], stdout=subprocess.PIPE)
    child.stdout.read()  # until it ends
    child.stdout.close()
    try:
        value = fetch()
    except ConnectionError:
        CHILDREN.append(child)
        return 0
    child.wait()
    return value


CHILDREN = []
