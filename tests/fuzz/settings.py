"""What one call of the fuzzing program was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SHARED = "shared"  # the folder, beside the targets' workspaces, of what they share
TARGETS = ("images", "sources", "maps", "requests")


@dataclass(frozen=True)
class Settings:
    """The limits of a run.

    Attributes
    ----------
    seed : int
        With the target's name and a try's number it determines the try's input.
    failures : Path
        Where the inputs that fail are kept.
    hang_s : float
        A try that takes longer is a failure.
    most_bytes : int
        Resident memory of a target's process; more is a failure.
    replayed : dict
        Target -> (seed, number) of the tries to run instead; see seeds.json.
    first, most_tries : int
        The number of the first try, and of tries of a target at most.
    """

    seed: int
    failures: Path
    hang_s: float = 20.0
    most_bytes: int = 2 << 30
    replayed: dict[str, list[tuple[int, int]]] | None = None
    first: int = 0
    most_tries: int = 10**12

    def n_tries(self, target: str) -> int:
        """Return the number of a target's tries at most."""
        return self.most_tries if self.replayed is None else len(self.replayed[target])

    def seed_and_number(self, target: str, index: int) -> tuple[int, int]:
        """Return what determines the input of a target's try `index`."""
        return (self.seed, index) if self.replayed is None else self.replayed[target][index]
