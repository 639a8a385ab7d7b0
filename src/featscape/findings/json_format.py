"""Read the findings that `Findings.to_json` returned.

Each finding has the fields of its record. `item` becomes `id` and `path`, `items` becomes `ids` and
`paths`, and the score of the evidence is repeated as `score`. An id is the item's row in
items.parquet.
"""

from __future__ import annotations

import json
from dataclasses import fields
from itertools import chain
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from featscape.findings.records import (
    JSON_VERSION,
    KINDS,
    ClassFinding,
    DuplicateGroup,
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
    from collections.abc import Iterator, Sequence

    from featscape.findings.records import ItemColumns

_RECORDS: dict[str, type[Finding]] = {
    "labels": LabelError,
    "duplicates": DuplicateGroup,
    "off_topic": OffTopic,
    "quality": QualityProblem,
    "classes": ClassFinding,
    "shortcuts": Shortcut,
    "reliability": Reliability,
}

# fields that maps of early versions do not have
_NEWER_FIELDS = (
    "equal_files",
    "equal_pixels",
    "share",
    "share_low",
    "share_high",
    "share_expected",
)
# begins the method of a column that equals the label in maps without `Shortcut.kind`
_EARLY_COLUMN_METHOD = "Each label is paired with its most frequent value"
_EXPECTED = TypeAdapter(ExpectedErrors | None)
_IDS = TypeAdapter(tuple[int, ...])


def from_json(
    content: Any, *, columns: ItemColumns, paths: Sequence[str] | None = None
) -> Findings:
    """Return the findings of an object that `Findings.to_json` returned.

    Parameters
    ----------
    content : object
        The parsed JSON, which may come from an untrusted source.
    columns : ItemColumns
    paths : sequence of str, optional

    Raises
    ------
    ValueError
        If `content` is of another version, or lacks a field, or a field has another type, or an id
        is not the row of an item.
    """
    if not isinstance(content, dict) or content.get("version") != JSON_VERSION:
        raise ValueError(f"it must be an object of version {JSON_VERSION}")
    try:
        lists = {
            kind: tuple(_findings_from_json(content[kind], record))
            for kind, record in _RECORDS.items()
        }
        expected = content["expected_errors"]
        borders = content.get("unusual_borders", [])  # not in maps of early versions
        findings = Findings(
            columns=columns,
            paths=paths,
            not_computed={str(kind): str(why) for kind, why in content["not_computed"].items()},
            expected_errors=_EXPECTED.validate_json(json.dumps(expected), strict=True),
            unusual_borders=_IDS.validate_json(json.dumps(borders), strict=True),
            **lists,  # type: ignore[arg-type]  # each kind has the type in _RECORDS
        )
        _check_ids(findings)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"it is not as featscape writes it; {_describe(error)}") from error
    return findings


def _findings_from_json(
    listed: Sequence[dict[str, Any]], record: type[Finding]
) -> Iterator[Finding]:
    """Yield a record for each object; raise ValidationError for a value of another type."""
    adapter = TypeAdapter(record)
    renamed = {"item": "id", "items": "ids"}
    names = {one.name: renamed.get(one.name, one.name) for one in fields(record)}
    for written in listed:
        content = _with_kind(written) if record is Shortcut else written
        values = {
            field: content[name]
            for field, name in names.items()
            if name in content or field not in _NEWER_FIELDS
        }
        values["evidence"] = {**content["evidence"], "items": content["evidence"]["ids"]}
        # only JSON has lists for tuples and objects for records in strict mode
        yield adapter.validate_json(json.dumps(values, allow_nan=False), strict=True)


def _with_kind(shortcut: dict[str, Any]) -> dict[str, Any]:
    """Return a shortcut with the field `kind`, which maps of early versions do not have."""
    if "kind" in shortcut:
        return shortcut
    is_column = shortcut["evidence"]["method"].startswith(_EARLY_COLUMN_METHOD)
    kind = "label" if shortcut["label"] else "column" if is_column else "order"
    return {**shortcut, "kind": kind}


def _describe(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"reading failed: {type(error).__name__}: {error}"
    first = error.errors(include_url=False)[0]
    return f"got {first['input']!r:.80} as {'.'.join(map(str, first['loc']))}: {first['msg']}"


def _check_ids(findings: Findings) -> None:
    _check_rows("unusual_borders", findings.unusual_borders, findings)
    for kind in KINDS:
        for one in getattr(findings, kind):
            own = getattr(one, "items", ()) + ((one.item,) if hasattr(one, "item") else ())
            if isinstance(one, DuplicateGroup):
                own += tuple(chain(*one.equal_files, *one.equal_pixels))
            _check_rows(kind, (*own, *one.evidence.items, *one.evidence.neighbors), findings)


def _check_rows(name: str, items: Sequence[int], findings: Findings) -> None:
    n_items = len(findings.columns)
    for item in items:
        if not 0 <= item < n_items:
            raise ValueError(f"{name} has the id {item} for {n_items} items")
