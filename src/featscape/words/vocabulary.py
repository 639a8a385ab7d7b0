"""The classes of ImageNet-1k, with their names and hypernyms from WordNet 3.0."""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_FILE = "imagenet.json"  # written by tools/write_vocabulary.py
_N_CLOSE = 20  # words with the most letters in common, among which the suggestions are chosen
LETTERS_PER_EDIT = 3
N_SUGGESTED = 3
# "churches" -> "church", "ponies" -> "pony", "dogs" -> "dog"; a wrong form matches no name
_PLURALS = ((r"ies$", "y"), (r"(?<=[sxzh])es$", ""), (r"(?<!s)s$", ""))


def count_edits(word: str, other: str) -> int:
    """Return the number of edits between two words: the optimal string alignment distance.

    An edit inserts, deletes or replaces a letter, or exchanges two neighboring letters.
    """
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(word, 1):
        row = [i]
        for j, wanted in enumerate(other, 1):
            least = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != wanted))
            if word[i - 2 : i] == other[j - 2 : j][::-1] and min(i, j) > 1:
                least = min(least, rows[-2][j - 2] + 1)
            row.append(least)
        rows.append(row)
    return rows[-1][-1]


@dataclass(frozen=True)
class Concept:
    """One synset of WordNet.

    Attributes
    ----------
    names : tuple of str
        The names in English, the most frequent first.
    hypernyms : tuple of str
        Identifiers of the more general concepts.
    """

    names: tuple[str, ...]
    hypernyms: tuple[str, ...]


@dataclass(frozen=True)
class Vocabulary:
    """The classes of a classifier, and the concepts that contain the classes.

    Attributes
    ----------
    classes : tuple of str
        The identifier of the concept of each class, in the order of the classifier's outputs.
    concepts : mapping of str to Concept
        By identifier.
    """

    classes: tuple[str, ...]
    concepts: Mapping[str, Concept]

    def name(self, index: int) -> str:
        """Return the most frequent name of a class."""
        return self.concepts[self.classes[index]].names[0]

    def find_classes(self, word: str) -> frozenset[int]:
        """Return the classes that a word names, or that are kinds of what the word names.

        Parameters
        ----------
        word : str
            One or more words, in the singular or in the plural; case is ignored.

        Returns
        -------
        frozenset of int
            Empty if the vocabulary does not contain the word.
        """
        word = normalize(word)
        forms = [word, *(re.sub(ending, new, word) for ending, new in _PLURALS)]
        concepts = {concept for form in forms for concept in self._by_name.get(form, ())}
        return frozenset(index for concept in concepts for index in self._members[concept])

    def suggest(self, word: str, *, classes: Iterable[int]) -> list[str]:
        """Return words for some of the given classes that are spelled like `word`.

        At most a third of the letters are edited, or one letter of a short word. The word with the
        fewest edits comes first; of several, the word that names more of the classes. The page of a
        map suggests the same words (close-words.ts).

        Parameters
        ----------
        word : str
        classes : iterable of int
            The classes that a map contains: a search for another class would find nothing.
        """
        word = normalize(word)
        terms = self.terms(classes)
        close = difflib.get_close_matches(word, terms, n=_N_CLOSE)
        edits = {known: count_edits(word, known) for known in close}
        most = max(len(word) // LETTERS_PER_EDIT, 1)
        near = [known for known in close if edits[known] <= most]
        near.sort(key=lambda known: (edits[known], -len(terms[known])))
        return near[:N_SUGGESTED]

    def terms(self, classes: Iterable[int]) -> dict[str, list[int]]:
        """Return every word that `find_classes` knows, with those of the given classes it finds.

        Parameters
        ----------
        classes : iterable of int

        Returns
        -------
        dict of str to list of int
            Without words that name none of the classes; in lower case, in the singular.
        """
        wanted = set(classes)
        found: dict[str, list[int]] = {}
        for name, concepts in self._by_name.items():
            named = wanted & {index for one in concepts for index in self._members[one]}
            if named:
                found[name] = sorted(named)
        return found

    def concept_classes(self) -> list[tuple[str, list[int]]]:
        """Return the name of each concept, and the classes below the concept.

        Of several concepts with the same classes, one is returned: the class itself, if there is
        only one class. The name is the most frequent name that no concept with more classes has, if
        there is such a name.

        Returns
        -------
        list of (str, list of int)
            The concept with the most classes is the first.
        """
        found = {tuple(sorted(self._members[one])): one for one in self.concepts}
        found |= {tuple(sorted(self._members[one])): one for one in self.classes}
        used: set[str] = set()
        named = []
        for members in sorted(found, key=lambda classes: (-len(classes), classes)):
            names = self.concepts[found[members]].names
            name = next((one for one in names if one not in used), names[0])
            used.add(name)
            named.append((name, list(members)))
        return named

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        """The identifiers of the concepts with each name."""
        found: dict[str, list[str]] = {}
        for identifier, concept in self.concepts.items():
            for name in concept.names:
                found.setdefault(normalize(name), []).append(identifier)
        return found

    @cached_property
    def _members(self) -> dict[str, set[int]]:
        """The classes below each concept, by the identifier of the concept."""
        members: dict[str, set[int]] = {identifier: set() for identifier in self.concepts}
        for index, identifier in enumerate(self.classes):
            pending = [identifier]
            while pending:
                current = pending.pop()
                if index not in members[current]:
                    members[current].add(index)
                    pending += self.concepts[current].hypernyms
        return members


@cache
def load_vocabulary() -> Vocabulary:
    """Return the vocabulary of ImageNet-1k."""
    text = resources.files(__package__).joinpath(_FILE).read_text(encoding="utf-8")
    content = json.loads(text)
    return Vocabulary(
        tuple(content["classes"]),
        {
            identifier: Concept(tuple(concept["names"]), tuple(concept["hypernyms"]))
            for identifier, concept in content["concepts"].items()
        },
    )


def normalize(text: str) -> str:
    """Return the words of a text in lower case, without accents.

    Parameters
    ----------
    text : str
    """
    # the names of the vocabulary are ASCII: "crêpe" names "crepe"
    without_accents = re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFKD", text))
    return " ".join(re.findall(r"\w+", without_accents.casefold()))
