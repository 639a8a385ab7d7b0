"""The description of an interrupted run: its network and its precision.

The file run.json in the folder of a network's shards contains a `KeptRun`. The file is written
after the first shard.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from featscape.errors import first_line
from featscape.features.engines.base import INT8
from featscape.features.engines.precision import is_reused
from featscape.features.zoo.fingerprint import card_key, describe_change
from featscape.files.regular import open_regular
from featscape.mapfolder.staging import WriteError, flush, writing
from featscape.records import Inference, ModelCard

if TYPE_CHECKING:
    from pathlib import Path

RUN_FILE = "run.json"
_MAX_BYTES = 1 << 20
_UNREADABLE = f"its {RUN_FILE} is damaged, or of another version of featscape"


@dataclass(frozen=True)
class KeptRun:
    """A run whose features are in the shards of one folder.

    Attributes
    ----------
    card : ModelCard
    white : int or None
        See `ImageSet`.
    inference : Inference or None
        The choice of the precision; None for networks without a choice.
    n_images : int
        Number of images of the run.
    n_sampled : int
        Number of images whose features the run computed to choose the precision.
    """

    card: ModelCard
    white: int | None
    inference: Inference | None
    n_images: int
    n_sampled: int

    @property
    def name(self) -> str:
        """The name of the folder."""
        return card_key(self.card) + ("" if self.white is None else f"-white-{self.white}")

    def write(self, folder: Path) -> None:
        """Write the description into the folder of the shards; raises WriteError."""
        begun = folder / f"{RUN_FILE}.begun"
        try:
            with writing():
                begun.write_text(json.dumps(asdict(self)), encoding="utf-8")
                flush(begun)
                begun.replace(folder / RUN_FILE)
        except WriteError:
            begun.unlink(missing_ok=True)
            raise


def find_kept_choice(
    work: Path | None, card: ModelCard, *, white: int | None, n_images: int
) -> KeptRun | None:
    """Return the interrupted run whose choice of the precision this run reuses; None without one.

    Parameters
    ----------
    work : Path or None
        The folder of all interrupted runs with the same output.
    card : ModelCard
        Card of the network before the choice.
    white : int or None
        See `ImageSet`.
    n_images : int
        Number of images of this run.
    """
    key = card_key(replace(card, precision=""))
    found = (
        run
        for run in _read_runs(work).values()
        if isinstance(run, KeptRun)
        and is_reused(run.inference, n_then=run.n_images, n_now=n_images)
        and run.white == white
        and card_key(replace(run.card, precision="")) == key
        and not describe_change(run.card, card)
    )
    return max(found, key=lambda run: run.n_images, default=None)


def describe_unused(work: Path | None, run: KeptRun) -> str:
    """Return why a run without shards cannot use the shards of other runs; "" without others.

    Parameters
    ----------
    work : Path or None
        The folder of all interrupted runs with the same output.
    run : KeptRun
        The run that starts.
    """
    reasons = [
        other if isinstance(other, str) else _describe_difference(other, run)
        for name, other in _read_runs(work).items()
        if name != run.name
    ]
    return reasons[0] if reasons else ""


def _describe_difference(then: KeptRun, now: KeptRun) -> str:
    """Return the first difference that a user can change, or else the kind of the difference."""
    one, other = then.card, now.card
    for what, before, after in (
        ("network", one.name, other.name),
        ("layer", one.layer, other.layer),
        ("pooling", one.pool, other.pool),
        ("precision", *(card.precision.partition("-")[0] for card in (one, other))),
        ("value of --white (white=)", then.white, now.white),
    ):
        if before != after:
            return f"the {what} was {before}, and is now {after}"
    if one.weights_sha256 != other.weights_sha256:
        return "the weights have changed"
    if one.preprocessing != other.preprocessing:
        return f"the preprocessing was {one.preprocessing}, and is now {other.preprocessing}"
    if one.precision != other.precision:
        return f"the first images, on which {INT8} is calibrated, have changed"
    return "the code of the network has changed"


def _read_runs(work: Path | None) -> dict[str, KeptRun | str]:
    """Return the runs, or why they are not known, by the names of their folders, sorted."""
    if work is None or not work.is_dir():
        return {}
    folders = sorted(folder for folder in work.iterdir() if any(folder.glob("*.npy")))
    return {folder.name: _read_run(folder / RUN_FILE) for folder in folders}


def _read_run(file: Path) -> KeptRun | str:
    """Return a run, or the reason why its description cannot be used."""
    try:
        with open_regular(file) as stream:
            facts = json.loads(stream.read(_MAX_BYTES))
        facts["card"] = ModelCard(**facts["card"])
        if facts["inference"] is not None:
            facts["inference"] = Inference(**facts["inference"])
        run = KeptRun(**facts)
    except FileNotFoundError:
        return "its network was not recorded"
    except OSError as error:
        return f"its {RUN_FILE} cannot be read ({first_line(error)})"
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return _UNREADABLE
    is_counted = all(type(count) is int for count in (run.n_images, run.n_sampled))
    return run if is_counted and run.n_sampled >= 0 else _UNREADABLE
