"""HOW a fault reaches a call: one site per injection point, and a mechanism chosen by what the point is.

``injector`` arms and lifts rules; ``site`` decides over one call; ``passage`` is what stands in the call's way;
``attribute`` puts it there and takes it away; ``aliases`` knows who else holds the function.
"""
