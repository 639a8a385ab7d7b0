"""Download a file of weights into the cache that torchvision uses too."""

from __future__ import annotations

import http.client
import math
import os
import re
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.defaults import INSTALLED_MODEL
from featscape.errors import DownloadError, ModelError
from featscape.features.cache_folder import hub_folder
from featscape.files.regular import hash_file
from featscape.progress import Task

if TYPE_CHECKING:
    from featscape.progress import Progress

_TIMEOUT_S = 30.0
_BLOCK_BYTES = 1 << 20
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.")


def cached_file(url: str) -> Path:
    """Return where the file at `url` is stored after the download; torch is not imported."""
    return hub_folder() / "checkpoints" / url.rsplit("/", maxsplit=1)[-1]


def download(url: str, *, owner: str, progress: Progress) -> Path:
    """Return the file at `url` from the cache, after a download if it is missing.

    Parameters
    ----------
    url : str
        The file name contains the first digits of the SHA-256, as in "resnet18-f37072fd.pth".
    owner : str
        Name of the network, for messages.
    progress : Progress

    Raises
    ------
    DownloadError
        If the file cannot be downloaded or stored.
    ModelError
        If the hash of the file differs from the hash in its name.
    """
    path = cached_file(url)
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _fetch(url, path, owner=owner, progress=progress)
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()  # the error is also the response, which holds the connection open
            raise DownloadError(
                f"the weights of {owner} could not be downloaded from {url} to {path.parent}: "
                f"{_describe(error)}. Give a file with --weights FILE (weights=), or use "
                f"--model {INSTALLED_MODEL} (model=), which needs no download."
            ) from error
    expected = _HASH_IN_NAME.search(path.name)
    if expected and not (found := hash_file(path)).startswith(expected[1]):
        raise ModelError(
            f"the weights of {owner}, {path}, must have a SHA-256 that starts with "
            f"{expected[1]}; got {found[: len(expected[1])]}: the file is damaged or incomplete. "
            "Delete it and run again to download it again."
        )
    return path


def _describe(error: Exception) -> str:
    """Return the reason of a failed download in one line."""
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, OSError):
        error = error.reason  # urllib wraps the error of the connection
    if isinstance(error, OSError) and error.strerror and not error.filename:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def _fetch(url: str, path: Path, *, owner: str, progress: Progress) -> None:
    """Download to a temporary file beside `path`, and rename the file when it is complete."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".partial")
    partial = Path(name)
    try:
        with (
            os.fdopen(handle, "wb") as file,
            urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response,  # noqa: S310 - torchvision's own addresses
            progress.task(
                Task(f"Weights of {owner}", math.ceil((response.length or 0) / 1e6), unit="MB")
            ) as advance,
        ):
            n_shown = 0
            while block := response.read(_BLOCK_BYTES):
                file.write(block)
                advance(math.ceil(file.tell() / 1e6) - n_shown)
                n_shown = math.ceil(file.tell() / 1e6)
            if response.length:
                raise http.client.IncompleteRead(b"", response.length)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
