"""Download weights from the Hugging Face hub into the cache of huggingface_hub."""

from __future__ import annotations

import math
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featscape.errors import DownloadError
from featscape.progress import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featscape.progress import Progress


ON_HUB = "https://huggingface.co/"  # the prefix of a repository's address

# File names of weights in the repositories of timm and open_clip.
_USUAL_FILES = (
    *("model.safetensors", "pytorch_model.bin"),
    *("open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
)


def find_on_hub(
    repository: str, file_names: Sequence[str], *, owner: str, progress: Progress
) -> Path:
    """Return a file of a repository from the hub's cache, after a download if it is missing.

    Parameters
    ----------
    repository : str
        For example "timm/resnet18.a1_in1k", or with a revision "timm/resnet18.a1_in1k@main".
    file_names : sequence of str
        The first of these files that exists in the repository is used.
    owner : str
        Name of the network, for messages.
    progress : Progress

    Raises
    ------
    DownloadError
        If the file is not in the cache, and the hub cannot be reached, the repository or file does
        not exist, or the user has not accepted the repository's terms.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError is re-exported from its client
        EntryNotFoundError,
        GatedRepoError,
        HTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    cached = find_on_disk(repository, file_names)
    if cached is not None:
        return cached
    name, _, revision = repository.partition("@")
    bar = _make_bar(f"Weights of {owner}", progress)
    try:
        for file_name in file_names:
            try:
                # A single request; hf_hub_download would retry for 30 s.
                get_hf_file_metadata(hf_hub_url(name, file_name, revision=revision or None))
            except EntryNotFoundError:
                continue
            return Path(hf_hub_download(name, file_name, revision=revision or None, tqdm_class=bar))
    except GatedRepoError as error:
        remedy = f"Accept its terms at https://huggingface.co/{name} and run hf auth login"
        raise _failure(owner, name, "its terms must be accepted first", remedy) from error
    except RepositoryNotFoundError as error:
        reason = "the repository does not exist, or it is private"
        raise _failure(owner, name, reason, "If it is private, run hf auth login") from error
    except OfflineModeIsEnabled as error:
        remedy = "Unset HF_HUB_OFFLINE"
        raise _failure(owner, name, "HF_HUB_OFFLINE is set", remedy) from error
    except (HTTPError, OSError) as error:  # network, hub or disk failures
        remedy = "Check the network connection and the free disk space, and try again"
        raise _failure(owner, name, error, remedy) from error
    listed = " or ".join(file_names)
    raise _failure(owner, name, f"it contains no {listed}", "Download another file by hand")


def is_cached(address: str) -> bool:
    """Return whether the weights at the address of a repository or file are in the hub's cache."""
    return find_cached(address) is not None


def find_cached(address: str) -> Path | None:
    """Return the weights at the address of a repository or file from the hub's cache, or None."""
    return find_on_disk(*_split_address(address))


def fetch_from_hub(address: str, *, owner: str, progress: Progress) -> Path:
    """Return the weights at the address of a repository or file: see `find_on_hub`."""
    repository, file_names = _split_address(address)
    return find_on_hub(repository, file_names, owner=owner, progress=progress)


def _split_address(address: str) -> tuple[str, Sequence[str]]:
    """Return the repository of an address, and the candidate names of its file."""
    owner, name, *file_name = address.removeprefix(ON_HUB).split("/", maxsplit=2)
    wanted = [path for path in file_name if path]
    wanted = [f"{path.rpartition('.')[0]}.safetensors" for path in wanted] + wanted
    return f"{owner}/{name}", wanted or _USUAL_FILES


def find_on_disk(repository: str, file_names: Sequence[str]) -> Path | None:
    """Return a file of a repository from the hub's cache, or None; without a request to the hub."""
    from huggingface_hub import try_to_load_from_cache

    name, _, revision = repository.partition("@")
    for file_name in file_names:
        path = try_to_load_from_cache(name, file_name, revision=revision or None)
        if isinstance(path, str):
            return Path(path)
    return None


def _failure(owner: str, name: str, reason: object, remedy: str) -> DownloadError:
    text = " ".join(str(reason).split()) or type(reason).__name__
    return DownloadError(
        f"the weights of {owner} could not be downloaded from the Hugging Face hub, {name}: "
        f"{text.rstrip('.')}. {remedy}, or give a file with --weights FILE (weights=)."
    )


def _make_bar(description: str, progress: Progress) -> type[Any]:
    """Return a subclass of tqdm for the hub's client that reports each megabyte to `progress`."""
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[misc]  # tqdm has no types
        def __init__(self, *_arguments: object, total: float | None = None, **_: object) -> None:
            super().__init__(disable=True)
            self._stack = ExitStack()
            n_mb = math.ceil((total or 0) / 1e6)
            self._advance = self._stack.enter_context(
                progress.task(Task(description, total=n_mb, unit="MB"))
            )
            self._n_bytes = 0.0
            self._n_shown = 0

        def update(self, n: float | None = 1) -> bool | None:
            self._n_bytes += n or 0
            n_done = math.ceil(self._n_bytes / 1e6)
            self._advance(n_done - self._n_shown)
            self._n_shown = n_done
            return None

        def close(self) -> None:
            self._stack.close()

    return Bar
