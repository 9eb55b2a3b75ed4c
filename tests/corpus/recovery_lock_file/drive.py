import asyncio

import pytest
import system


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("exports")


def test_two_rows_are_exported(folder):
    assert asyncio.run(system.export(folder, ["mug,250", "kettle,900"])) in ("exported", "stopped")
