"""Reads water gauges, and tells their levels."""
