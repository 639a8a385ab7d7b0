"""Untrusted files: opened without following links, and checked before they are read."""
