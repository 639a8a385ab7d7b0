"""Write findings as JSON, and read the JSON back.

Each finding has the fields of its record. `item` becomes `id` and `path`, `items` becomes `ids` and
`paths`, and the score of the evidence is repeated as `score`. An id is the item's row in
items.parquet.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

from featscape.errors import InputError
from featscape.findings.records import (
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
from featscape.printable_names import valid_unicode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featscape.findings.records import ItemColumns

VERSION = 1

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


def to_json(findings: Findings) -> dict[str, Any]:
    """Return the findings as one object for JSON.

    Returns
    -------
    dict
        "version", a list for each of `records.KINDS`, "not_computed" and "expected_errors".
    """
    expected = findings.expected_errors
    return {
        "version": VERSION,
        **{
            kind: [_finding_to_json(one, findings.paths) for one in getattr(findings, kind)]
            for kind in KINDS
        },
        "not_computed": dict(findings.not_computed),
        "expected_errors": None if expected is None else asdict(expected),
    }


def _finding_to_json(finding: Finding, paths: Sequence[str] | None) -> dict[str, Any]:
    def path_of(item: int) -> str | None:
        return None if paths is None else valid_unicode(paths[item])

    shown: dict[str, Any] = {}
    for name, value in asdict(finding).items():
        if name == "item":
            shown |= {"id": value, "path": path_of(value)}
        elif name == "items":
            shown |= {"ids": list(value), "paths": [path_of(item) for item in value]}
        elif name != "evidence":
            shown[name] = list(value) if isinstance(value, tuple) else value
    evidence = finding.evidence
    return {
        **shown,
        "score": round(evidence.score, 4),
        "evidence": {
            "ids": list(evidence.items),
            "neighbors": list(evidence.neighbors),
            "score": round(evidence.score, 4),
            "method": evidence.method,
        },
    }


def from_json(
    content: Any, *, columns: ItemColumns, paths: Sequence[str] | None = None
) -> Findings:
    """Return the findings of an object that `to_json` returned.

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
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise InputError(
            f"findings must be an object of version {VERSION}, as featscape writes them. "
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
