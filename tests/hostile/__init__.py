"""Hostile map folders, made from a small valid map."""

CANARY = b"canary: no map may read this!"  # the content of files outside of a map
