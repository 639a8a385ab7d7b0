"""The records of the findings: what a map shows about its items, with the evidence.

The detectors of this package return these records in a `DetectorResult`. `Findings` holds all of
them, and is stored as findings.json and as columns of items.parquet.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from featscape.printable_names import valid_unicode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

DuplicateKind = Literal["exact", "pixels", "near", "similar"]

JSON_VERSION = 1

# The kinds of findings, in the order of findings.json. Each is a field of `Findings`.
KINDS = (
    "labels",
    "duplicates",
    "off_topic",
    "quality",
    "classes",
    "shortcuts",
    "reliability",
)


@dataclass(frozen=True)
class Evidence:
    """What supports a finding.

    Attributes
    ----------
    items : tuple of int
        The items to look at; the first is the most important.
    neighbors : tuple of int
        The items that support the finding, for example the nearest items with another label.
    score : float
        The strength of the finding. Scores of one kind of findings are comparable.
    method : str
        One sentence that describes how the score is computed.
    """

    items: tuple[int, ...]
    neighbors: tuple[int, ...]
    score: float
    method: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that the map shows.

    Attributes
    ----------
    text : str
        The finding as one plain sentence.
    evidence : Evidence
    """

    text: str
    evidence: Evidence


F_co = TypeVar("F_co", bound=Finding, covariant=True)


@dataclass(frozen=True, kw_only=True)
class LabelError(Finding):
    """An item whose label is probably wrong.

    Attributes
    ----------
    item : int
    label : str
        The given label.
    suggested : str
        The most probable other label.
    """

    item: int
    label: str
    suggested: str


@dataclass(frozen=True, kw_only=True)
class DuplicateGroup(Finding):
    """Items that are the same picture, or that may be copies of one picture.

    Attributes
    ----------
    items : tuple of int
        Two or more items, ascending.
    kind : str
        "exact" for equal files, "pixels" for equal pixels in different files or of images that are
        no files, "near" for possible edited copies, "similar" for pictures with a plain background
        that correlate although their foregrounds differ, such as drawings with similar outlines.
    leak : bool
        Whether the items belong to different splits.
    conflict : bool
        Whether the items have different labels, and at least one of the labels was not checked.
    equal_files : tuple of (tuple of int)
        The sets of equal files inside a group that is not one such set, for example of a frame that
        was saved twice in a group of frames.
    equal_pixels : tuple of (tuple of int)
        The sets of equal pixels inside a group of the kind "near". Sets of `equal_files` are
        omitted.
    """

    items: tuple[int, ...]
    kind: DuplicateKind
    leak: bool = False
    conflict: bool = False
    equal_files: tuple[tuple[int, ...], ...] = ()
    equal_pixels: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class OffTopic(Finding):
    """An item that resembles no large part of the dataset.

    Attributes
    ----------
    item : int
    """

    item: int


@dataclass(frozen=True, kw_only=True)
class QualityProblem(Finding):
    """An image with technical faults.

    Attributes
    ----------
    item : int
    kinds : tuple of str
        The faults, for example "dark" and "blurred".
    """

    item: int
    kinds: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ClassFinding(Finding):
    """A fact about one class or several classes.

    Attributes
    ----------
    kind : str
        "close pair", "separate pair", "group", "split" or "exemplars". A separate pair is a branch
        of the tree of classes whose two classes hardly mix; the page, the report and the screen
        list close pairs only.
    classes : tuple of str
    items : tuple of int
        The border images of a pair, the smaller part of a split class, or the exemplars.
    """

    kind: str
    classes: tuple[str, ...]
    items: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Shortcut(Finding):
    """A simple property of the images that predicts a label, or that neighbors have in common.

    Or a column that equals the label, also under other names, in all images or except in few.

    Attributes
    ----------
    property_name : str
        For example "brightness".
    kind : str
        "label" for a property that predicts a label, "order" for a property that neighbors have in
        common, "column" for a column that equals the label.
    label : str
        The class that the property predicts; empty if the property predicts no class.
    items : tuple of int
        Images of the class with the property, the most extreme first, or images with a value of a
        column, those with the most neighbors of the value first, or the images in which a column
        does not equal the label; at most 50. Empty for a property of all images.
    assortativity : float
        How similar the property is among neighbors: 1 if equal, 0 as for random pairs.
    share : float or None
        The share of the images with the property that have the label; None without a label, here
        and below.
    share_low, share_high : float or None
        The range of the share, see `Evidence.method`.
    share_expected : float or None
        The share of all labeled images with a known value that have the label.
    """

    property_name: str
    kind: Literal["label", "order", "column"]
    label: str
    items: tuple[int, ...] = ()
    assortativity: float = 0.0
    share: float | None = None
    share_low: float | None = None
    share_high: float | None = None
    share_expected: float | None = None


@dataclass(frozen=True, kw_only=True)
class Reliability(Finding):
    """A measure of how well the positions on the map represent the features.

    All measures compare the map with the Euclidean distances in all features, without a reduction
    or a scaling of the rows. `evidence.method` has the number of neighbors and of items.

    Attributes
    ----------
    measure : str
        "KNN", "KNN of the components", "trustworthiness", "continuity", "CPD" or "KNC". "KNN of the
        components" does not depend on the map: it compares the features with their 50 principal
        components, in which t-SNE searches the neighbors.
    value : float
        Between 0 and 1, or between -1 and 1 for a correlation; higher is better.
    """

    measure: str
    value: float


@dataclass(frozen=True)
class ExpectedErrors:
    """How many of the listed labels are wrong: a limit, or the estimate of `estimate_errors`.

    Attributes
    ----------
    low, high : int
        Limits of the number of wrong labels among the listed labels; `low` is 0 for a limit.
    n_listed : int
        Number of listed labels.
    assumption : str
        One sentence about what the limits assume.
    n_checked : int
        Number of labels that a person has checked.
    n_classified : int
        Number of labels that nobody checked and that the classifier of the list has compared with
        the other labels; 0 in the result of `estimate_errors`, and in maps of earlier releases.
    found_shares : tuple of two float, or ()
        The share of the planted errors that are listed: of errors between random classes, and of
        errors between similar classes. Empty if `n_classified` is 0.
    burst_share : float
        The share of the images in groups of the kind "near", such as the frames of a burst; 0 in
        the result of `estimate_errors`. There is no limit if this share is .1 or more.
    """

    low: int
    high: int
    n_listed: int
    assumption: str
    n_checked: int = 0
    n_classified: int = 0
    found_shares: tuple[float, ...] = ()
    burst_share: float = 0.0

    @property
    def accuracy(self) -> float | None:
        """The share of the labels that are not listed: the classifier gives these labels, too.

        Each label is compared with the prediction from the other labels (leave-one-out), so that
        this is the cross-validated accuracy of the classifier, measured with the given labels. None
        if `n_classified` is 0.
        """
        return 1 - self.n_listed / self.n_classified if self.n_classified else None

    @property
    def number(self) -> str:
        """The limits as text: "2 to 5", or "2" if both limits are equal."""
        low, high = f"{self.low:,}", f"{self.high:,}"
        return low if low == high else f"{low} to {high}"


@dataclass(frozen=True, eq=False)
class DetectorResult(Generic[F_co]):
    """The result of one detector.

    Attributes
    ----------
    findings : tuple of Finding
        The most important finding first.
    reason : str or None
        Why the findings, or some of the findings, could not be computed; None otherwise.
    """

    findings: tuple[F_co, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class ItemColumns:
    """What the findings say about each of the n items.

    Attributes
    ----------
    suspicion : ndarray of float32, shape (n,)
        Log-odds that another label is right: higher is worse, NaN if the label is not checked. More
        than 0 for the items of `Findings.labels` and their copies with the same label only.
    suggested : tuple of (str or None), length n
        The most probable label other than the given label; None where `suspicion` is NaN.
    off_topic : ndarray of float32, shape (n,)
        Score of the distance from the dataset, see `find_off_topic`: more than 0 is a finding. NaN
        if not computed.
    torn : ndarray of float32, shape (n,)
        The share of the 30 nearest neighbors of t-SNE that are not among the 30 nearest items on
        the map. t-SNE searches the neighbors by Euclidean distance in the first 50 principal
        components of the features, or in all features if there are at most 50. Of fewer than 181
        items, the number is (n - 1) // 6 instead of 30; NaN for fewer than 31 items.
    false_friends : ndarray of float32, shape (n,)
        The share of the 30 nearest items on the map that are not among the 90 nearest neighbors of
        t-SNE. Of fewer than 181 items, the numbers are (n - 1) // 6 and three times as many; NaN
        for fewer than 31 items.
    duplicate_group : ndarray of int32, shape (n,)
        The number of the item's group in `Findings.duplicates`; -1 for items without duplicates.
    """

    suspicion: NDArray[np.float32]
    suggested: tuple[str | None, ...]
    off_topic: NDArray[np.float32]
    torn: NDArray[np.float32]
    false_friends: NDArray[np.float32]
    duplicate_group: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.suspicion)

    @classmethod
    def from_stored(cls, columns: Mapping[str, NDArray[Any]]) -> ItemColumns:
        """Return the columns that were read from items.parquet, with NaN for missing numbers.

        Parameters
        ----------
        columns : mapping of str to ndarray of shape (n,)
            By name: numbers, or objects that are str or None.
        """
        import numpy as np

        group = np.nan_to_num(columns["duplicate_group"].astype(np.float64), nan=-1)
        numbers = {
            name: columns[name].astype(np.float32)
            for name in ("suspicion", "off_topic", "torn", "false_friends")
        }
        return cls(
            suggested=tuple(columns["suggested"].tolist()),
            duplicate_group=group.astype(np.int32),
            **numbers,
        )


@dataclass(frozen=True, eq=False, repr=False)
class Findings:
    """What a map shows: one tuple per kind of finding, the most important finding first.

    Attributes
    ----------
    labels : tuple of LabelError
    duplicates : tuple of DuplicateGroup
    off_topic : tuple of OffTopic
    quality : tuple of QualityProblem
    classes : tuple of ClassFinding
    shortcuts : tuple of Shortcut
    reliability : tuple of Reliability
    not_computed : mapping of str to str
        For each kind that could not be computed, or only in part, the reason.
    expected_errors : ExpectedErrors or None
        How many of `labels` are wrong; None without labels.
    unusual_borders : tuple of int
        At most 18 images whose borders differ from the borders of most images, the most different
        first. They may come from another source; the report shows them with the images off topic.
    columns : ItemColumns
    paths : tuple of str or None
        The path of each item.
    """

    columns: ItemColumns
    labels: tuple[LabelError, ...] = ()
    duplicates: tuple[DuplicateGroup, ...] = ()
    off_topic: tuple[OffTopic, ...] = ()
    quality: tuple[QualityProblem, ...] = ()
    classes: tuple[ClassFinding, ...] = ()
    shortcuts: tuple[Shortcut, ...] = ()
    reliability: tuple[Reliability, ...] = ()
    not_computed: Mapping[str, str] = field(default_factory=dict)
    expected_errors: ExpectedErrors | None = None
    unusual_borders: tuple[int, ...] = ()
    paths: Sequence[str] | None = None

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(getattr(self, kind)):,} {kind}" for kind in KINDS)
        return f"<Findings: {counts}>"

    def to_json(self) -> dict[str, Any]:
        """Return the findings as one object for JSON; `json_format.from_json` is the inverse.

        Returns
        -------
        dict
            "version", a list for each of `KINDS`, "not_computed", "expected_errors" and the ids
            "unusual_borders". Each finding has the fields of its record. `item` becomes "id" and
            "path", `items` becomes "ids" and "paths", and the score of the evidence is repeated as
            "score". An id is the item's row in items.parquet.
        """
        expected = self.expected_errors
        return {
            "version": JSON_VERSION,
            **{
                kind: [_finding_to_json(one, self.paths) for one in getattr(self, kind)]
                for kind in KINDS
            },
            "not_computed": dict(self.not_computed),
            "expected_errors": None
            if expected is None
            else {**asdict(expected), "found_shares": list(expected.found_shares)},
            "unusual_borders": list(self.unusual_borders),
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
