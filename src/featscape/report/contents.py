"""Choose what the report shows: the galleries of each section, with their images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from featscape.graphemes import shorten_end
from featscape.labels.classes import count_classes
from featscape.number_text import plural
from featscape.records.shown_findings import ShownFinding
from featscape.report.explanations import explain
from featscape.report.images import LARGE_PX, MEDIUM_PX, SMALL_PX, ImageEncoder
from featscape.report.records import Contents, Entry, Figure, Gallery, Group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from featscape.records.shown_findings import FindingsSection
    from featscape.report.records import ReportInput

_MOST_OF_FAULT = 12  # images with one fault, so that a common fault hides no rare fault
# findings of each section in the report; items of each finding
_MOST_FINDINGS = {
    "labels": 72,
    "leaks": 16,
    "similar_leaks": 16,
    "conflicts": 16,
    "duplicates": 24,
    "similar": 24,
    "off_topic": 30,
    "quality": _MOST_OF_FAULT,
    "classes": 12,
    "groups": 12,
    "split": 6,
    "exemplars": 30,
    "shortcuts": 10,
    "reliability": 20,
}
_MOST_ITEMS = {"pairs": 3, "groups": 8}
_N_NEIGHBORS = 2
_N_EXEMPLARS = 6
_N_ATYPICAL = 2  # images of a class that are shown beside its typical images
_N_FARTHEST = 12  # images below the limit of the images off topic
_SMALLER = "Much smaller than the other images"
_BORDERS = "Other borders than most images"
_MOST_TEXT = 300  # characters of a name or a sentence


@dataclass
class _Chooser:
    """Turns findings into entries with images."""

    given: ReportInput
    encoder: ImageEncoder

    def gallery(self, section: FindingsSection) -> Gallery:
        below = f"Farthest {self.given.noun}s, below the limit"
        groups: dict[str, list[ShownFinding]] = {}
        for one in section.findings:
            groups.setdefault(", ".join(one.faults), []).append(one)
        if section.name == "off_topic":
            others = {
                _SMALLER: self._smaller(section),
                _BORDERS: self._other_borders(section),
                below: self._farthest(section),
            }
            groups |= {heading: found for heading, found in others.items() if found}
        shown = {heading: self._first(section, found) for heading, found in groups.items()}
        return Gallery(
            name=section.name,
            title=section.title,
            text=section.text,
            how=explain(section.name, noun=self.given.noun),
            layout=section.layout,
            groups=tuple(
                Group(
                    heading=heading,
                    entries=tuple(self._entry(section, one) for one in found),
                    n_findings=len(groups[heading]),
                )
                for heading, found in shown.items()
            ),
            n_findings=len(section.findings),
            n_shown=sum(
                len(found)
                for heading, found in shown.items()
                if heading not in (_SMALLER, _BORDERS, below)
            ),
        )

    def _first(
        self, section: FindingsSection, found: Sequence[ShownFinding]
    ) -> Sequence[ShownFinding]:
        most = _MOST_FINDINGS.get(section.name, 10)
        if section.name != "exemplars" or len(found) <= most:
            return found[:most]
        # the largest classes, in the order of the section
        sizes = [self._class_size(one) for one in found]
        kept = sorted(np.argsort(-np.array(sizes), kind="stable")[:most].tolist())
        return [found[at] for at in kept]

    def _class_size(self, finding: ShownFinding) -> int:
        return len(self._members(finding))

    def _members(self, finding: ShownFinding) -> NDArray[np.intp]:
        """Return the items of the class of a finding's first item."""
        if self.given.labels is None or not finding.items:
            return np.zeros(0, dtype=np.intp)
        return self._by_label[self.given.labels[finding.items[0]]]

    @cached_property
    def _by_label(self) -> dict[str, NDArray[np.intp]]:
        classes = count_classes(self.given.labels, len(self.given.labels or ()))
        if classes is None:
            return {}
        order = np.argsort(classes.codes, kind="stable")
        parts = np.split(order, np.cumsum(classes.counts)[:-1])
        return dict(zip(classes.names, parts, strict=True))

    def _entry(self, section: FindingsSection, finding: ShownFinding) -> Entry:
        if section.layout == "texts":
            return Entry(text=_shortened(finding.text), figures=())
        if section.layout == "items":
            size_px, items = LARGE_PX, finding.items[:1]
        elif section.layout == "pairs":
            size_px, items = LARGE_PX, finding.items[: _MOST_ITEMS["pairs"]]
        else:
            n_items = _N_EXEMPLARS if section.name == "exemplars" else _MOST_ITEMS["groups"]
            size_px, items = MEDIUM_PX, finding.items[:n_items]
        figures = [self._figure(item, size_px) for item in items]
        neighbors: tuple[Figure, ...] = ()
        if section.layout == "pairs" and len(items) > 1:
            name = "difference" if len(finding.items) == 2 else "difference of the first two"
            figures += self._difference(*items[:2], name=name)
        if section.name == "exemplars":
            figures += [
                self._figure(item, size_px, note="least typical", kind="atypical")
                for item in self._atypical(finding)
            ]
        if section.name == "labels":
            neighbors = self._like_suggested(finding)
        if section.name == "split":
            neighbors = tuple(self._figure(item, MEDIUM_PX) for item in finding.neighbors[:6])
        text = finding.text
        if section.name == "exemplars" and self.given.labels is not None and items:
            noun = self.given.noun
            n_typical = len(finding.items)
            part = f"{len(items)} of " if len(items) < n_typical else ""
            text = (
                f"{self.given.labels[items[0]]}, {plural(self._class_size(finding), noun)}: {part}"
                f"{plural(n_typical, f'typical {noun}')}"
            )
        return Entry(
            text=_shortened(text),
            figures=tuple(figures),
            n_items=max(1, len(finding.items)) if section.layout in ("items", "pairs") else 1,
            suggested=None if finding.suggested is None else _shortened(finding.suggested),
            neighbors=neighbors,
        )

    def _figure(
        self, item: int, size_px: int, *, note: str | None = None, kind: str = ""
    ) -> Figure:
        given = self.given
        name = f"item {item}" if given.paths is None else given.paths[item]
        return Figure(
            src=self.encoder.item(item, size_px),
            name=_shortened(name),
            label=None if given.labels is None else _shortened(given.labels[item]),
            split=None if given.splits is None else _shortened(given.splits[item]),
            note=note,
            kind=kind,
        )

    def _difference(self, first: int, second: int, *, name: str) -> list[Figure]:
        thumbnails, draw = self.given.thumbnails, self.given.difference
        if thumbnails is None or draw is None:
            return []
        picture = draw(*(thumbnails.load(item, at_least_px=LARGE_PX) for item in (first, second)))
        src = self.encoder.picture(picture, LARGE_PX)
        return [Figure(src=src, name=name, kind="difference")]

    def _like_suggested(self, finding: ShownFinding) -> tuple[Figure, ...]:
        labels = self.given.labels
        if labels is None or self.given.thumbnails is None:
            return ()
        like = [item for item in finding.neighbors if labels[item] == finding.suggested]
        return tuple(self._figure(item, SMALL_PX) for item in like[:_N_NEIGHBORS])

    def _smaller(self, section: FindingsSection) -> list[ShownFinding]:
        """Return the tiny images that are not listed: they may come from another source."""
        listed = {item for finding in section.findings for item in finding.items}
        sections = self.given.findings.sections
        tiny = [one for other in sections for one in other.findings if "tiny" in one.faults]
        return [one for one in tiny if listed.isdisjoint(one.items)][:_MOST_OF_FAULT]

    def _other_borders(self, section: FindingsSection) -> list[ShownFinding]:
        """Return the images with unusual borders that are not listed."""
        listed = {item for finding in section.findings for item in finding.items}
        return [
            ShownFinding(text="The border is unlike the borders of most images.", items=(item,))
            for item in self.given.findings.unusual_borders
            if item not in listed
        ]

    def _farthest(self, section: FindingsSection) -> list[ShownFinding]:
        """Return the farthest images that are not listed: two of each class before all others.

        The images of a varied class are far from each other, and would hide those of other classes.
        """
        scores = self._off_topic
        if scores is None:
            return []
        listed = [item for finding in section.findings for item in finding.items]
        order = np.argsort(-scores, kind="stable")
        order = order[np.isfinite(scores[order]) & ~np.isin(order, listed)]
        place = np.full(len(scores), len(order))
        place[order] = np.arange(len(order))
        for members in self._by_label.values():
            place[members[np.argsort(place[members])[:_N_ATYPICAL]]] -= len(order)
        chosen = order[np.argsort(place[order])[:_N_FARTHEST]]
        return [
            ShownFinding(text=f"The score is {scores[item]:.2f}.", items=(item,))
            for item in chosen[np.argsort(-scores[chosen], kind="stable")].tolist()
        ]

    @cached_property
    def _off_topic(self) -> NDArray[np.float64] | None:
        """The scores of the distance from the dataset; None if they are unknown."""
        columns = (one for one in self.given.findings.columns if one.name == "off_topic")
        column = next(columns, None)
        return None if column is None else np.asarray(column.values, dtype=np.float64)

    def _atypical(self, finding: ShownFinding) -> list[int]:
        """Return the items of the class that are farthest from the dataset."""
        members = self._members(finding)
        if self._off_topic is None or len(members) <= len(finding.items) + _N_ATYPICAL:
            return []
        scores = self._off_topic[members]
        far = members[np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")]
        chosen: list[int] = far[~np.isin(far, finding.items)][:_N_ATYPICAL].tolist()
        return chosen


def choose_contents(given: ReportInput, encoder: ImageEncoder) -> Contents:
    """Return the galleries of the report.

    Parameters
    ----------
    given : ReportInput
    encoder : ImageEncoder
        Encodes the images of the first sections first.

    Raises
    ------
    InputError
        If a thumbnail is damaged.
    """
    chooser = _Chooser(given, encoder)
    galleries = [chooser.gallery(one) for one in given.findings.sections]
    return Contents(
        galleries=tuple(one for one in galleries if one.groups),
        empty=tuple((one.title, one.text) for one in galleries if not one.groups),
        n_omitted=encoder.n_omitted,
    )


def _shortened(text: str) -> str:
    return shorten_end(text, _MOST_TEXT)
