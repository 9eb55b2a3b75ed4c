"""Adapters: how a fault reaches the methods of C types that let nobody replace them.

``registry`` chooses the adapter of a point and keeps factories in place for a session; each other module adapts the
objects of one library.
"""
