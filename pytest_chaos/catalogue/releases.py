"""Which release of a library is installed, and whether what is known holds for it."""

from __future__ import annotations

import sys
from importlib import metadata

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version


def installed_release(distribution: str) -> Version | None:
    """Return the installed release of a distribution, or ``None`` if nobody can tell.

    Args:
        distribution: Its name; empty for the standard library, whose release is that of Python.
    """
    if not distribution:
        return Version("{}.{}.{}".format(*sys.version_info))
    try:
        return Version(metadata.version(distribution))
    except (metadata.PackageNotFoundError, InvalidVersion):  # vendored, or run from a checkout
        return None


def holds_for(releases: str, release: Version | None) -> bool:
    """Tell whether a release is in a range; one that nobody can tell is taken for one that is.

    Args:
        releases: A version specifier such as ``>=3,<5``; empty for all releases.
        release: The release.

    Raises:
        packaging.specifiers.InvalidSpecifier: The range is none.
    """
    return release is None or SpecifierSet(releases).contains(release, prereleases=True)
