"""Find what a map shows: wrong labels, duplicates, images off topic, close classes and more.

The detectors take arrays and records and return the records of `records`, which hold the evidence
of each finding. docs/explanation/findings.md describes each kind of finding.
"""

from featscape.findings.classes.matrix import relate_classes
from featscape.findings.compute import ItemData, compute_findings
from featscape.findings.duplicates.difference import draw_difference
from featscape.findings.json_format import from_json
from featscape.findings.labels.expected_errors import choose_checks, estimate_errors
from featscape.findings.records import (
    KINDS,
    ClassFinding,
    DetectorResult,
    DuplicateGroup,
    Evidence,
    ExpectedErrors,
    Finding,
    Findings,
    ItemColumns,
    LabelError,
    OffTopic,
    QualityProblem,
    Reliability,
    Shortcut,
)
from featscape.findings.sections import arrange_findings
from featscape.findings.summary import summarize_findings
from featscape.findings.table import FindingRow, to_rows

__all__ = [
    "KINDS",
    "ClassFinding",
    "DetectorResult",
    "DuplicateGroup",
    "Evidence",
    "ExpectedErrors",
    "Finding",
    "FindingRow",
    "Findings",
    "ItemColumns",
    "ItemData",
    "LabelError",
    "OffTopic",
    "QualityProblem",
    "Reliability",
    "Shortcut",
    "arrange_findings",
    "choose_checks",
    "compute_findings",
    "draw_difference",
    "estimate_errors",
    "from_json",
    "relate_classes",
    "summarize_findings",
    "to_rows",
]
