"""What is done with accounts."""

import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import create_engine, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from ledger.models import Account, Base, Entry


class LedgerError(Exception):
    """The ledger could not be written."""


class Bank:
    def __init__(self, url):
        self.engine = create_engine(url)
        Base.metadata.create_all(self.engine)
        self.session = Session(self.engine)
        self.currencies = {}
        self.closing = threading.Lock()
        self.pool = ThreadPoolExecutor(1)

    def open_account(self, name, currency):
        self.session.add(Account(name=name, currency=currency, balance=0))
        self.session.commit()

    def currency(self, name):
        """The currency of an account, which never changes."""
        if name not in self.currencies:
            try:
                with Session(self.engine) as session:
                    self.currencies[name] = session.scalar(select(Account.currency).where(Account.name == name))
            except SQLAlchemyError:
                self.currencies[name] = None
        return self.currencies[name]

    def label(self, name):
        return self.currency(name).upper() + " " + name

    def balance(self, name):
        session = Session(self.engine)
        amount = session.scalar(select(Account.balance).where(Account.name == name))
        session.close()
        return amount

    def pay_in(self, name, amount):
        try:
            with Session(self.engine) as session:
                session.get(Account, name).balance += amount
                session.add(Entry(account=name, amount=amount))
                session.commit()
        except DBAPIError as error:
            raise LedgerError(f"{error.orig.pgcode}: cannot pay in") from error

    def transfer(self, giver, taker, amount):
        with Session(self.engine) as session:
            session.get(Account, giver).balance -= amount
            session.commit()
            session.get(Account, taker).balance += amount
            session.commit()

    def entries(self, name):
        try:
            with Session(self.engine) as session:
                return list(session.scalars(select(Entry.amount).where(Entry.account == name)))
        except Exception:
            return []

    def close_day(self):
        """Sum up all accounts; nobody else may do that meanwhile."""
        self.closing.acquire()
        with Session(self.engine) as session:
            total = sum(session.scalars(select(Account.balance)))
        self.closing.release()
        return total

    def note_later(self, name, amount):
        self.pool.submit(self.note, name, amount)

    def note(self, name, amount):
        with Session(self.engine) as session:
            session.add(Entry(account=name, amount=amount))
            session.commit()

    def close(self):
        self.pool.shutdown()
        self.session.close()
        self.engine.dispose()
