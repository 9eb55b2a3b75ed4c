"""The pytest room, the only one that imports pytest. ``entry`` is loaded in every run, the rest only with chaos on."""
