"""HOW a fault reaches a call: one site per injection point, and a mechanism chosen by what the point is.

``injector`` arms and lifts rules and decides over each call; ``passage`` is what stands in the call's way; ``strike``
is one fault acting on one call. ``mechanisms`` chooses: ``splicing`` changes a Python function's own code, with the
prologue that ``bytecode`` writes; ``attribute`` replaces a name, and ``aliases`` knows who else holds the function;
``returned`` and ``adapters`` reach what a call handed out. ``gate`` lets calls pass that were planned ahead.
"""
