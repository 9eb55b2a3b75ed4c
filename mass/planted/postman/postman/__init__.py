"""Mails what is new in feeds."""
