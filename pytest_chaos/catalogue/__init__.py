"""The catalogue: well-known ways out of the process, as data, and the reader of that data.

``libraries.toml`` lists the libraries, ``libraries/`` has one file for each of them, and :mod:`.catalogue` looks up.
"""
