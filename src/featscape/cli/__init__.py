"""The command line of featscape."""

from featscape.cli.commands import main

__all__ = ["main"]
