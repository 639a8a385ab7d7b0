"""The seal of a map: a proof that this user made the map on this computer.

A map folder may come from an untrusted source, and run.json names the source of its images. The
server reads the original images from this source, so a hostile run.json could name any folder or
address. `make_seal` computes a keyed hash (HMAC-SHA256) of the entries that locate the originals.
The key is a random file of the user that never leaves the computer, so nobody else can make a seal
for this user.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featscape.mapfolder.layout import ITEMS, damaged

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from featscape.files.folder_handle import FolderHandle

_KEY_BYTES = 32
_CHUNK_BYTES = 1 << 20


def make_seal(source: str, *, kind: str | None, items: BinaryIO) -> str | None:
    """Return the seal of a map.

    Parameters
    ----------
    source, kind : str
        As in run.json.
    items : binary file
        items.parquet, which contains the paths of the images.

    Returns
    -------
    str or None
        64 hexadecimal digits; None if the key can be neither read nor written.
    """
    key = _read_key() or _write_key()
    return None if key is None else _compute(key, source, kind, items)


def is_sealed(seal: object, *, source: str, kind: str | None, items: BinaryIO) -> bool:
    """Return whether this user made `seal` on this computer: see `make_seal`. Write nothing."""
    key = _read_key()
    if not isinstance(seal, str) or key is None:
        return False
    expected = _compute(key, source, kind, items)
    return hmac.compare_digest(expected.encode(), seal.encode(errors="replace"))


def is_own(folder: FolderHandle, run: Mapping[str, Any]) -> bool:
    """Return whether this user made a map on this computer, according to the map's seal.

    Parameters
    ----------
    folder : FolderHandle
    run : mapping
        The contents of run.json.
    """
    try:
        with folder.open(ITEMS) as items:
            return is_sealed(
                run.get("seal"), source=run["source"], kind=run.get("source_kind"), items=items
            )
    except OSError as error:
        raise damaged(folder.path / ITEMS, error) from error


def _compute(key: bytes, source: str, kind: str | None, items: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := items.read(_CHUNK_BYTES):
        digest.update(chunk)
    content = json.dumps([source, kind, digest.hexdigest()]).encode()
    return hmac.digest(key, content, "sha256").hex()


def key_file() -> Path:
    """Return the path of the key, in the user's folder for application data."""
    if folder := os.environ.get("XDG_DATA_HOME"):
        base = Path(folder)
    elif os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA") or "~/AppData/Local")
    elif sys.platform == "darwin":
        base = Path("~/Library/Application Support")
    else:
        base = Path("~/.local/share")
    return base / "featscape" / "map-key"


def _read_key() -> bytes | None:
    """Return the key; None if the file is missing or another user can read it."""
    try:
        with key_file().expanduser().open("rb") as file:
            facts = os.fstat(file.fileno())
            key = file.read(_KEY_BYTES + 1)
    except (OSError, RuntimeError):  # RuntimeError: the user has no home folder
        return None
    is_private = os.name == "nt" or not facts.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    return key if is_private and len(key) == _KEY_BYTES else None


def _write_key() -> bytes | None:
    """Write a new key unless another process writes one first, and return the stored key."""
    try:
        file = key_file().expanduser()
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, new = tempfile.mkstemp(dir=file.parent)  # mode 0600
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(secrets.token_bytes(_KEY_BYTES))
            os.link(new, file)  # the key file appears complete and never replaces another key
        finally:
            Path(new).unlink()
    except FileExistsError:
        pass
    except (OSError, RuntimeError):
        return None
    return _read_key()
