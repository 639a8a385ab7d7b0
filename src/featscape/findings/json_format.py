"""Read the findings that `Findings.to_json` returned.

Each finding has the fields of its record. `item` becomes `id` and `path`, `items` becomes `ids` and
`paths`, and the score of the evidence is repeated as `score`. An id is the item's row in
items.parquet.
"""

from __future__ import annotations

from dataclasses import fields
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

from featscape.errors import InputError
from featscape.findings.records import (
    JSON_VERSION,
    KINDS,
    ClassFinding,
    DuplicateGroup,
    Evidence,
    ExpectedErrors,
    Finding,
    Findings,
    LabelError,
    OffTopic,
    QualityProblem,
    Reliability,
    Shortcut,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featscape.findings.records import ItemColumns

R = TypeVar("R")

_RECORDS: dict[str, type[Finding]] = {
    "labels": LabelError,
    "duplicates": DuplicateGroup,
    "off_topic": OffTopic,
    "quality": QualityProblem,
    "classes": ClassFinding,
    "shortcuts": Shortcut,
    "reliability": Reliability,
}


def from_json(
    content: Any, *, columns: ItemColumns, paths: Sequence[str] | None = None
) -> Findings:
    """Return the findings of an object that `Findings.to_json` returned.

    Parameters
    ----------
    content : object
        The parsed JSON, which may come from a stranger.
    columns : ItemColumns
    paths : sequence of str, optional

    Raises
    ------
    InputError
        If `content` is of another version, or lacks a field, or a field has another type, or an id
        is not the row of an item.
    """
    if not isinstance(content, dict) or content.get("version") != JSON_VERSION:
        raise InputError(
            f"findings must be an object of version {JSON_VERSION}, as featscape writes them. "
            "Compute the findings again."
        )
    try:
        lists = {
            kind: tuple(_finding_from_json(one, record) for one in content[kind])
            for kind, record in _RECORDS.items()
        }
        expected = content["expected_errors"]
        findings = Findings(
            columns=columns,
            paths=paths,
            not_computed={str(kind): str(why) for kind, why in content["not_computed"].items()},
            expected_errors=None if expected is None else _checked(ExpectedErrors, expected),
            **lists,  # type: ignore[arg-type]  # each kind has the type in _RECORDS
        )
        _check_ids(findings)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(
            f"findings must be an object as featscape writes them; reading failed: {reason}. "
            "Compute the findings again."
        ) from error
    return findings


def _finding_from_json(content: dict[str, Any], record: type[Finding]) -> Finding:
    names = {"item": "id", "items": "ids"}
    given = {
        one.name: content[names.get(one.name, one.name)]
        for one in fields(record)
        if one.name != "evidence"
    }
    shown = content["evidence"]
    evidence = {"items": shown["ids"], **{n: shown[n] for n in ("neighbors", "score", "method")}}
    return _checked(record, {**given, "evidence": _checked(Evidence, evidence)})


def _checked(record: type[R], values: dict[str, Any]) -> R:
    """Return a record of these values; raise TypeError for a value of another type."""
    made = record(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})
    for one in fields(record):  # type: ignore[arg-type]  # R is one of the dataclasses
        value = getattr(made, one.name)
        _check_type(one.name, value, str(one.type))
    return made


_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "float": (float, int),
    "tuple[int, ...]": (tuple,),
    "tuple[str, ...]": (tuple,),
    "Evidence": (Evidence,),
}


def _check_type(name: str, value: Any, declared: str) -> None:
    is_right = isinstance(value, _TYPES[declared]) and isinstance(value, bool) == (
        declared == "bool"
    )
    if is_right and declared.startswith("tuple"):
        inner = int if "int" in declared else str
        is_right = all(isinstance(one, inner) and not isinstance(one, bool) for one in value)
    if not is_right or (isinstance(value, float) and not isfinite(value)):
        raise TypeError(f"{name} must be {declared}; got {value!r:.80}")


def _check_ids(findings: Findings) -> None:
    n_items = len(findings.columns)
    for kind in KINDS:
        for one in getattr(findings, kind):
            own = getattr(one, "items", ()) + ((one.item,) if hasattr(one, "item") else ())
            for item in (*own, *one.evidence.items, *one.evidence.neighbors):
                if not 0 <= item < n_items:
                    raise ValueError(f"{kind} has the id {item} for {n_items} items")
