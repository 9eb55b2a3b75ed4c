"""Delivers notices to web hooks, in the background."""
