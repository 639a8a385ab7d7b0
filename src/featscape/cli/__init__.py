"""The command line."""

from featscape.cli.commands import main

__all__ = ["main"]
