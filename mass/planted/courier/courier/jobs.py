"""Jobs in a SQLite file."""

import sqlite3
import threading


class Jobs:
    def __init__(self, path):
        self.connection = sqlite3.connect(path, check_same_thread=False)
        self.lock = threading.Lock()
        self.connection.execute("create table if not exists waiting (id integer primary key, url text, text text)")
        self.connection.execute("create table if not exists done (id integer primary key, status integer)")
        self.connection.commit()

    def add(self, url, text):
        with self.lock:
            cursor = self.connection.execute("insert into waiting (url, text) values (?, ?)", (url, text))
            self.connection.commit()
        return cursor.lastrowid

    def get(self, number):
        with self.lock:
            return self.connection.execute("select url, text from waiting where id = ?", (number,)).fetchone()

    def finish(self, number, status):
        self.lock.acquire()
        self.connection.execute("insert into done values (?, ?)", (number, status))
        self.connection.commit()
        self.connection.execute("delete from waiting where id = ?", (number,))
        self.connection.commit()
        self.lock.release()

    def status(self, number):
        with self.lock:
            row = self.connection.execute("select status from done where id = ?", (number,)).fetchone()
        return row[0] if row else None

    def close(self):
        self.connection.close()
