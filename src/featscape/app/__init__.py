"""Show maps: the server of `featscape serve`, and the notebook widget."""

from featscape.app.server.service import serve

__all__ = ["serve"]
