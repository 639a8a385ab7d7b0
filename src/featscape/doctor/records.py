"""The records of a diagnosis."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Problem:
    """One problem of the installation.

    Attributes
    ----------
    subject : str
        The library, folder or device.
    text : str
    remedy : str
        A sentence.
    is_broken : bool
        Whether featscape cannot work; otherwise a part of it works worse.
    """

    subject: str
    text: str
    remedy: str
    is_broken: bool = True


@dataclass(frozen=True)
class Extra:
    """A group of optional libraries.

    Attributes
    ----------
    name : str
        Of the extra, such as "notebook".
    missing : tuple of str
        The libraries that are not installed, or too old; empty if the group is installed.
    command : str
        Installs the group.
    """

    name: str
    missing: tuple[str, ...]
    command: str


@dataclass(frozen=True)
class TsneEngine:
    """The t-SNE engine and the result of a fit of 100 points.

    Attributes
    ----------
    native_module : str
        Path of the compiled module.
    instruction_set : str
        "avx2" or "baseline".
    kl_divergence : float
    largest_kl_divergence : float
        The limit for a correct result.
    """

    native_module: str
    instruction_set: str
    kl_divergence: float
    largest_kl_divergence: float


@dataclass(frozen=True)
class Folder:
    """A folder that featscape writes.

    Attributes
    ----------
    content : str
    path : str
    n_bytes : int or None
        The size of all files below a cache folder, 0 if the folder does not exist; None for the
        current folder.
    n_free_bytes : int
        The free space of the file system.
    """

    content: str
    path: str
    n_bytes: int | None
    n_free_bytes: int


@dataclass(frozen=True)
class Machine:
    """The processor and the devices.

    Attributes
    ----------
    system : str
    processor : str
    n_cores : int
        The cores that this process may use; networks and t-SNE use as many threads.
    gpus : tuple of str
        The GPUs that PyTorch finds; empty if PyTorch does not work.
    fonts : dict of str to bool
        Writing systems, and whether the pictures can write their characters; empty if Pillow or
        matplotlib does not work.
    """

    system: str
    processor: str
    n_cores: int
    gpus: tuple[str, ...]
    fonts: dict[str, bool]


@dataclass(frozen=True)
class Diagnosis:
    """The state of the installation.

    Attributes
    ----------
    versions : dict of str to str or None
        Version of Python, featscape and its libraries; None for a library that is missing.
    extras : tuple of Extra
    machine : Machine
    engine : TsneEngine or None
        None if the engine does not run.
    folders : tuple of Folder
    problems : tuple of Problem
    """

    versions: dict[str, str | None]
    extras: tuple[Extra, ...]
    machine: Machine
    engine: TsneEngine | None
    folders: tuple[Folder, ...]
    problems: tuple[Problem, ...]

    @property
    def is_broken(self) -> bool:
        """Whether featscape cannot work."""
        return any(problem.is_broken for problem in self.problems)

    def to_json(self) -> dict[str, Any]:
        """Return the attributes and `is_broken`, for JSON."""
        return {"is_broken": self.is_broken, **asdict(self)}
