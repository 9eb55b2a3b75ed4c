"""Accounts and transfers in a database, with SQLAlchemy."""
