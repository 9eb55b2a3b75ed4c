"""The cases are tests of other packages, which are not installed here."""

collect_ignore_glob = ["cases/*"]
