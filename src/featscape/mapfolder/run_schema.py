"""The types of run.json, which are checked because the file may come from an untrusted source."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    FiniteFloat,
    TypeAdapter,
    ValidationError,
)

from featscape.mapfolder.layout import check_required, describe_invalid
from featscape.records import Inference, ModelCard, PictureSettings

Count = Annotated[int, Field(ge=0, lt=1 << 53)]
Seconds = Annotated[FiniteFloat, Field(ge=0, lt=1e12)]
Share = Annotated[FiniteFloat, Field(ge=0, le=1)]

_MAX_RECORD_BYTES = 1 << 20  # of the JSON of a record; a network of 100 layers has 30 kB


def _keep_first_wrong(values: Any) -> BeforeValidator:
    """Return a validator that reduces an invalid dictionary to its first invalid entry.

    An error of a kilobyte for each invalid entry would fill the memory. `FailFast`, which stops
    after the first error, exists for lists only.

    Parameters
    ----------
    values : type
        The type of the values.
    """
    adapter = TypeAdapter(Annotated[list[values], FailFast()])

    def reduce(given: object) -> object:
        if isinstance(given, dict):
            try:
                adapter.validate_python(list(given.values()), strict=True)
            except ValidationError as error:
                index = error.errors(include_url=False, include_input=False)[0]["loc"][0]
                name = list(given)[int(index)]
                return {name: given[name]}
        return given

    return BeforeValidator(reduce)


class _Section(BaseModel):
    # a later version may add entries
    model_config = ConfigDict(extra="ignore", strict=True)


class _Versions(_Section):
    featscape: str


class _Counts(_Section):
    items: Count


class _TsneParameters(_Section):
    perplexity: FiniteFloat | None = None
    seed: Count | None = None
    white: Annotated[int, Field(ge=1, lt=1 << 32)] | None = None  # of images of over 8 bits
    features_source: str | None = None  # of features that another program computed


class _NeighborSpace(_Section):
    n_neighbors: Count
    n_features: Count
    n_components: Count
    explained_variance: Share


class _Agreement(_Section):
    n_neighbors: Count
    overall: Share
    by_class: Annotated[dict[str, Share], _keep_first_wrong(Share)]
    chance: Share | None = None  # missing in maps of earlier releases


class _Skipped(_Section):
    path: str
    reason: str


class RunFile(_Section):
    """The entries of run.json that the program reads, with the types that `write_run` writes."""

    source: str
    source_kind: str | None = None
    created: str
    versions: _Versions
    counts: _Counts
    model: ModelCard | None
    thumbnail_px: Count | None = None
    inference: Inference | None = None
    parameters: _TsneParameters
    kl_divergence: FiniteFloat
    n_iter: Count
    tsne_device: str = "cpu"
    pictures: PictureSettings | None = None  # missing in maps of earlier releases
    neighbors: _NeighborSpace | None = None  # missing in maps of earlier releases
    agreement: _Agreement | None
    timings_s: Annotated[dict[str, Seconds], _keep_first_wrong(Seconds)]
    renamed_labels: Annotated[dict[str, str] | None, _keep_first_wrong(str)] = None
    skipped: Annotated[list[_Skipped], FailFast()]


def find_problem(run: dict[str, Any]) -> str | None:
    """Return the first problem of the contents of run.json; None if they are valid."""
    try:
        for name in ("model", "inference"):
            n_bytes = len(json.dumps(run.get(name)))
            if n_bytes > _MAX_RECORD_BYTES:
                return f"{name}: it has {n_bytes:,} bytes, more than {_MAX_RECORD_BYTES:,}"
        check_required(run, RunFile)
        RunFile.model_validate_json(json.dumps(run))
    except ValidationError as error:
        return describe_invalid(error)
    except (ValueError, RecursionError) as error:
        return str(error)
    records = {"model": ModelCard, "inference": Inference, "pictures": PictureSettings}
    for name, record in records.items():
        unknown = (run.get(name) or {}).keys() - {field.name for field in fields(record)}
        if unknown:
            return f"its entry {name} has the unknown entry {min(unknown)}"
    return None
