"""The command line of featscape."""

from featscape.cli.run import main

__all__ = ["main"]
