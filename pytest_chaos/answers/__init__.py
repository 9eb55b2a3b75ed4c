"""Answers: what the test receives, seen where every client of a library sends its requests.

``watching`` says what watching is. ``clients`` has those who send over a network or as if, ``runners`` those who run
commands, and ``boundaries`` the applications themselves, for clients that nobody knows. One more client is a row there.
"""
