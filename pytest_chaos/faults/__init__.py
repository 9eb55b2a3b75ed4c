"""WHAT goes wrong at an injection point: one frozen value per kind of fault.

``base`` says what a fault is, and ``words`` how the rule text calls it. ``instances`` makes the errors of those that
raise; ``garbage``, ``texts`` and ``annotations`` make what ``corrupting`` puts in an answer's place. Each other module
holds one kind of fault, or a few that belong together. A new kind is a new file, and its word in ``words``.
"""
