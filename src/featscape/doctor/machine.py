"""The processor, the devices, the fonts, and the folders that featscape writes."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.cores import count_cores
from featscape.doctor.records import Folder, Machine, Problem
from featscape.features.cache_folder import cache_folder, hub_folder
from featscape.features.engines.devices import may_have_gpu
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_LEAST_FREE_BYTES = 1 << 30
# One character of each writing system that is frequent in the names of classes
_WRITING_SYSTEMS = {
    "Latin": "é",
    "Greek": "λ",
    "Cyrillic": "ж",
    "Arabic": "ب",
    "Hebrew": "ש",
    "Chinese": "猫",
    "Japanese": "か",
    "Korean": "한",
    "Devanagari": "क",
    "Thai": "ก",
}


def describe_machine(*, unloadable: Collection[str]) -> Machine:
    """Return the processor, the GPUs that PyTorch finds, and the writing systems of the fonts.

    Parameters
    ----------
    unloadable : collection of str
        The libraries that cannot be imported.
    """
    has_gpus = "torch" not in unloadable and may_have_gpu()
    has_fonts = not {"pillow", "matplotlib"}.intersection(unloadable)
    return Machine(
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        processor=_processor(),
        n_cores=count_cores(),
        gpus=tuple(_gpus()) if has_gpus else (),
        fonts=_writing_systems() if has_fonts else {},
    )


def _writing_systems() -> dict[str, bool]:
    """Return the writing systems, and whether an installed font contains their characters."""
    from featscape.pictures import without_font

    missing = without_font(_WRITING_SYSTEMS.values())
    return {name: text not in missing for name, text in _WRITING_SYSTEMS.items()}


def _processor() -> str:
    """Return the name of the processor, or its architecture if the system does not report it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _gpus() -> Iterator[str]:
    import torch

    for i in range(torch.cuda.device_count()):
        yield f"cuda:{i} ({torch.cuda.get_device_name(i)})"
    if torch.backends.mps.is_available():
        yield "mps"


def find_unused_gpu(machine: Machine, *, torch_version: str | None) -> Iterator[Problem]:
    """Yield a problem if Linux has a driver of a GPU, and PyTorch finds no GPU."""
    if sys.platform == "linux" and may_have_gpu() and not machine.gpus and torch_version:
        yield Problem(
            "GPU",
            f"the system has a driver of a GPU, and PyTorch {torch_version} finds no GPU",
            "Install the build of PyTorch that fits the GPU (https://pytorch.org), or use the CPU.",
            is_broken=False,
        )


def list_folders() -> tuple[Folder, ...]:
    """Return the caches, the features that interrupted runs keep here, and the current folder."""
    from huggingface_hub.constants import HF_HUB_CACHE

    here = Path.cwd()
    contents = {
        hub_folder() / "checkpoints": "weights of torchvision",
        Path(HF_HUB_CACHE): "downloads from Hugging Face, of all programs",
        cache_folder(): "converted networks",
    }
    contents |= dict.fromkeys(sorted(here.glob(".*.partial")), "features of an unfinished run")
    folders = [
        Folder(content, str(path), _size(path), _free(path)) for path, content in contents.items()
    ]
    return (*folders, Folder("current folder", str(here), None, _free(here)))


def find_full_disks(folders: Sequence[Folder]) -> Iterator[Problem]:
    """Yield a problem for each folder that cannot be written, or whose disk is nearly full."""
    for folder in folders:
        if not os.access(_existing(Path(folder.path)), os.W_OK):
            yield Problem(
                folder.path,
                f"the folder {printable(folder.path)} ({folder.content}) cannot be written",
                "Change its permissions, or set TORCH_HOME and HF_HOME to other folders.",
                is_broken=False,
            )
        if folder.n_free_bytes < _LEAST_FREE_BYTES:
            yield Problem(
                folder.path,
                f"the disk of {printable(folder.path)} has {folder.n_free_bytes / 1e6:,.0f} MB of "
                "free space; a map of 10,000 photographs needs about 1,000 MB",
                "Delete files, or use another disk.",
                is_broken=False,
            )


def _size(folder: Path) -> int:
    """Return the size of all files below a folder; files that are links count as nothing."""
    n_bytes = 0
    for root, _folders, names in os.walk(folder):
        for name in names:
            path = Path(root, name)
            with suppress(FileNotFoundError):  # another program has deleted or moved the file
                n_bytes += 0 if path.is_symlink() else path.stat().st_size
    return n_bytes


def _free(folder: Path) -> int:
    return shutil.disk_usage(_existing(folder)).free


def _existing(folder: Path) -> Path:
    """Return the folder, or the closest folder above it that exists."""
    return next(one for one in (folder, *folder.absolute().parents) if one.exists())
