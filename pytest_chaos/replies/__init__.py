"""Replies of ours, in place of those that a client of HTTP would get from a server.

``giving`` says for which call, and follows the errors that clients make of what they are given. Each other module knows
how some of the clients are answered: below all that a user of theirs can see, so that they make their own of it.
"""
