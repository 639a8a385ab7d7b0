"""The settings of one run of the fuzzing program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SHARED = "shared"  # the folder of the seed map, in the parent folder of the workspaces
TARGETS = ("images", "sources", "maps", "requests")


@dataclass(frozen=True)
class Settings:
    """The limits of a run.

    Attributes
    ----------
    seed : int
        The seed, the name of the target and the number of a try determine the input of the try.
    failures : Path
        The folder for the inputs that fail.
    hang_s : float
        A try that takes longer is a failure.
    max_bytes : int
        The limit of the resident memory of a target's process.
    replayed : dict
        If given, only these tries are run: target -> list of (seed, number), see seeds.json.
    first, most_tries : int
        The number of the first try, and the largest number of tries per target.
    """

    seed: int
    failures: Path
    hang_s: float = 20.0
    max_bytes: int = 2 << 30
    replayed: dict[str, list[tuple[int, int]]] | None = None
    first: int = 0
    most_tries: int = 10**12

    def n_tries(self, target: str) -> int:
        """Return the largest number of tries of a target."""
        return self.most_tries if self.replayed is None else len(self.replayed[target])

    def seed_and_number(self, target: str, index: int) -> tuple[int, int]:
        """Return the seed and the number that determine the input of try `index`."""
        return (self.seed, index) if self.replayed is None else self.replayed[target][index]
