import asyncio

import system


def test_a_backup_leaves_the_original_alone(tmp_path):
    path = tmp_path / "orders.txt"
    path.write_text("A7")
    asyncio.run(system.backup(path))
    assert path.read_text() == "A7"
