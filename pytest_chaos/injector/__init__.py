"""HOW a fault reaches a call: one site per injection point, and a mechanism chosen by what the point is.

``injector`` arms and lifts rules and decides over each call; ``passage`` is what stands in the call's way; ``strike``
is one fault acting on one call; ``attribute`` puts the passage there and takes it away; ``aliases`` knows who else
holds the function.
"""
