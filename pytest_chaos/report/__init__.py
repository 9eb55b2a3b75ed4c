"""Observation and judgement -> records for machines and lines for people. No terminal, no pytest."""
