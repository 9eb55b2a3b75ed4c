"""What is tested: packages of the standard library, and the modules that test them."""

from __future__ import annotations

from typing import NamedTuple


class Package(NamedTuple):
    """One entry of the list.

    Attributes:
        name: For the report.
        targets: Modules whose functions are spliced, all their submodules included.
        tests: Modules with tests, run one after another.
    """

    name: str
    targets: tuple[str, ...]
    tests: tuple[str, ...]


def _package(name: str, *tests: str, also: tuple[str, ...] = ()) -> Package:
    return Package(name, (name, *also), tests or (f"test.test_{name}",))


# The slowest first: that fills all cores, and as every fourth one makes a quarter, the quarters are alike.
PACKAGES = (
    _package(
        "asyncio",
        *(f"test.test_asyncio.test_{part}" for part in ("futures", "futures2", "locks", "queues", "tasks")),
        *(f"test.test_asyncio.test_{part}" for part in ("base_events", "streams", "taskgroups", "timeouts", "runners")),
    ),
    _package("logging"),
    _package("threading"),
    _package("io", "test.test_io", "test.test_memoryio", also=("_pyio",)),
    _package("ftplib"),
    _package("queue"),
    _package("tarfile"),
    _package("concurrent.futures", "test.test_concurrent_futures.test_thread_pool"),
    _package("zipfile"),
    _package("warnings"),
    _package("trace"),
    _package("datetime", also=("_pydatetime",)),
    _package("pickle", "test.test_pickle", "test.test_pickletools", also=("_compat_pickle", "pickletools")),
    _package(
        "http", "test.test_http_cookies", "test.test_http_cookiejar", "test.test_httplib", "test.test_httpservers"
    ),
    _package("pdb", also=("bdb", "cmd")),
    _package("weakref", "test.test_weakref", "test.test_weakset", also=("_weakrefset",)),
    _package("calendar"),
    _package("smtplib"),
    _package("decimal", also=("_pydecimal",)),
    _package("json"),
    _package("shutil"),
    _package("ast"),
    _package("traceback"),
    _package("urllib", "test.test_urllib", "test.test_urlparse", "test.test_urllib2", "test.test_robotparser"),
    _package("email"),
    _package("re", also=("sre_compile", "sre_parse")),
    _package("argparse"),
    _package("pathlib"),
    _package("unittest.mock", "test.test_unittest.testmock", "unittest.test.testmock"),
    _package("pyclbr"),
    _package("tempfile"),
    _package("sched"),
    _package("statistics"),
    _package("mailbox"),
    _package("gzip"),
    _package("inspect"),
    _package("string"),
    _package("codecs", also=("encodings",)),
    _package("contextvars", "test.test_context"),
    _package("random"),
    _package("base64"),
    _package("enum"),
    _package("xml", "test.test_xml_etree", "test.test_minidom", "test.test_sax", "test.test_pulldom"),
    _package("tokenize"),
    _package("bdb"),
    _package(
        "collections",
        "test.test_collections",
        "test.test_userstring",
        "test.test_userdict",
        "test.test_userlist",
        also=("_collections_abc",),
    ),
    _package("difflib"),
    _package("functools"),
    _package("tomllib"),
    _package("glob"),
    _package("timeit"),
    _package("types"),
    _package("sqlite3"),
    _package("modulefinder"),
    _package("dataclasses"),
    _package("heapq"),
    _package("typing"),
    _package("configparser"),
    _package("plistlib"),
    _package("uuid"),
    _package("contextlib", "test.test_contextlib", "test.test_contextlib_async"),
    _package("graphlib"),
    _package("posixpath", also=("genericpath",)),
    _package("quopri"),
    _package("wsgiref"),
    _package("zipapp"),
    _package("csv"),
    _package("copy", also=("copyreg",)),
    _package("html", "test.test_html", "test.test_htmlparser", also=("_markupbase",)),
    _package("ipaddress"),
    _package("pprint"),
    _package("shlex"),
    _package("fileinput"),
    _package("gettext"),
    _package("linecache"),
    _package("locale"),
    _package("mimetypes"),
    _package("netrc"),
    _package("optparse"),
    _package("pkgutil"),
    _package("reprlib"),
    _package("secrets"),
    _package("hmac"),
    _package("stat"),
    _package("textwrap"),
    _package("fractions"),
    _package("abc", also=("_py_abc",)),
    _package("bisect"),
    _package("cmd"),
    _package("colorsys"),
    _package("fnmatch"),
    _package("getopt"),
    _package("numbers", "test.test_abstract_numbers"),
    _package("operator"),
    _package("symtable"),
)
