"""WHAT goes wrong at an injection point: one frozen value per kind of fault.

``base`` says what a fault is; each other module holds one kind. A new kind is a new file, and its word in ``words``.
"""
