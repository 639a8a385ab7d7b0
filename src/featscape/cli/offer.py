"""Offer the installed network if the weights of another network cannot be downloaded."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from featscape.cli.console import print_error
from featscape.defaults import INSTALLED_MODEL

if TYPE_CHECKING:
    from featscape.errors import DownloadError
    from featscape.options import MapOptions


def offer_installed_network(options: MapOptions, error: DownloadError) -> MapOptions:
    """Ask whether to make the map with the installed network, and return the new options.

    Raises
    ------
    DownloadError
        If nobody can answer, because the command does not run in a terminal, or if the options
        name layers, which the installed network does not have.
    typer.Exit
        If the answer is no.
    """
    if not _is_interactive() or options.layer_names:
        raise error
    print_error(str(error))
    if not typer.confirm(f"Continue with {INSTALLED_MODEL}?", default=True, err=True):
        raise typer.Exit(2)
    return replace(options, model=INSTALLED_MODEL)


def _is_interactive() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
