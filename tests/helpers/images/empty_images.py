"""Folders of empty files, of which `find_images` reads only the names."""

import os
from pathlib import Path


def make_files(root, *paths):
    """Make empty files: `find_images` reads only the names."""
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return root


def deny_access(monkeypatch, folder):
    """Deny access to a folder; permissions would have no effect for root."""
    scandir = os.scandir

    def guarded(path):
        if Path(path) == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
