"""Packs folders into a depot."""
