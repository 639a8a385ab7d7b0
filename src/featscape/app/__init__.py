"""The server of `featscape serve`: one map, its originals, and what only a program can answer."""

from featscape.app.server.service import serve

__all__ = ["serve"]
