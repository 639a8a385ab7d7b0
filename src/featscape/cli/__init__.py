"""The command line of featscape."""

from featscape.cli.run import run_program as main

__all__ = ["main"]
