"""Nearest-neighbor search: exact for few points, inverted lists of cells for many."""
