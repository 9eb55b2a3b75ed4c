"""Stock and orders in a SQLite file."""

import sqlite3
import threading

SCHEMA = """
create table if not exists stock (item text primary key, amount integer, price integer);
create table if not exists orders (
    id integer primary key, item text, amount integer, paid integer, receipt text
);
"""


class SoldOut(Exception):
    """There is not enough on the shelf."""


class Store:
    def __init__(self, path):
        self.path = path
        self.shelf = threading.Lock()

    def connect(self):
        connection = sqlite3.connect(self.path, timeout=2)
        connection.row_factory = sqlite3.Row
        return connection

    def create(self):
        connection = self.connect()
        connection.executescript(SCHEMA)
        connection.close()

    def put(self, item, amount, price):
        connection = self.connect()
        connection.execute("insert or replace into stock values (?, ?, ?)", (item, amount, price))
        connection.commit()
        connection.close()

    def find(self, item):
        connection = self.connect()
        row = connection.execute("select * from stock where item = ?", (item,)).fetchone()
        connection.close()
        return dict(row) if row else None

    def take(self, item, amount):
        self.shelf.acquire()
        with sqlite3.connect(self.path, timeout=2) as connection:
            left = connection.execute(
                "update stock set amount = amount - ? where item = ? and amount >= ?",
                (amount, item, amount),
            ).rowcount
        connection.close()
        self.shelf.release()
        if not left:
            raise SoldOut(item)

    def book(self, item, amount, receipt):
        connection = self.connect()
        try:
            cursor = connection.execute("insert into orders (item, amount, paid) values (?, ?, 0)", (item, amount))
            connection.commit()
            connection.execute("update orders set paid = 1, receipt = ? where id = ?", (receipt, cursor.lastrowid))
            connection.commit()
        finally:
            connection.close()
        return cursor.lastrowid

    def order(self, number):
        connection = self.connect()
        try:
            row = connection.execute("select * from orders where id = ?", (number,)).fetchone()
        finally:
            connection.close()
        return dict(row) if row else None
