import asyncio

import system


def test_the_backup_runs():
    assert asyncio.run(system.nightly()) in ("done", "failed")
