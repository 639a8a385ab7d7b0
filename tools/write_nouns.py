"""Write src/featscape/words/nouns.json: the frequent nouns of WordNet 3.0 for things one can see.

`apt-get download wordnet-base` and `dpkg-deb -x wordnet-base*.deb DIR` give the folder
DIR/usr/share/wordnet.

    python tools/write_nouns.py DIR/usr/share/wordnet

WordNet has no frequencies of words. A noun is frequent if many definitions and examples of WordNet
contain the noun. Names of visible things (animals, artifacts, food and others) need fewer of these
than acts, events or qualities. Proper names, and nouns whose definition calls them offensive, are
omitted.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path

from write_vocabulary import FILE, N_LICENSE_LINES, notice_of

NOUNS = FILE.with_name("nouns.json")
# numbers of WordNet's lexicographer files, lexnames(5WN)
# animal, artifact, body, communication, event, food, group, location, object, person, phenomenon,
# plant, shape, substance, time
VISIBLE = frozenset((*(5, 6, 8, 10, 11, 13, 14, 15), *(17, 18, 19, 20, 25, 27, 28)))
ABSTRACT = frozenset((9, 12, 16, 21, 22, 23, 24))  # cognition, feeling, motive, possession, ...
LEAST_VISIBLE, LEAST_OTHER = 6, 30  # definitions and examples that contain the noun
MOST_WORDS = 3
LOWER_CASE_NOUN = re.compile(r"[a-z][a-z' -]{2,}")
UNWANTED = re.compile(r"\b(offensive|derogatory|disparaging|obscene|ethnic slur)\b")


def main() -> None:
    """Read WordNet, and write the file."""
    folder = Path(sys.argv[1])
    lines = (folder / "data.noun").read_text(encoding="utf-8").splitlines()
    frequencies = _count_phrases(folder)
    synsets = dict(_parse(line) for line in lines[N_LICENSE_LINES:])
    found = []
    for line in (folder / "index.noun").read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):  # the license
            continue
        fields = line.split()
        noun = fields[0].replace("_", " ")
        most_frequent_sense = fields[6 + int(fields[3])]
        number, names, gloss = synsets[most_frequent_sense]
        if number in ABSTRACT or noun not in names or not LOWER_CASE_NOUN.fullmatch(noun):
            continue
        least = LEAST_VISIBLE if number in VISIBLE else LEAST_OTHER
        if frequencies[noun] + frequencies[f"{noun}s"] >= least and not UNWANTED.search(gloss):
            found.append(noun)
    content = {
        "source": "WordNet 3.0, https://wordnet.princeton.edu",
        "license": notice_of(lines),
        "nouns": sorted(found),
    }
    text = json.dumps(content, ensure_ascii=False, indent=0)
    NOUNS.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(found):,} nouns, {NOUNS.stat().st_size / 1000:.0f} kB\n")


def _parse(line: str) -> tuple[str, tuple[int, frozenset[str], str]]:
    """Return the offset, the lexicographer file, the names and the gloss: see wndb(5WN).

    Proper names are capitalized, so that no name is equal to the lower-case noun of the index.
    """
    before, _, gloss = line.partition(" | ")
    fields = before.split()
    words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
    return fields[0], (int(fields[1]), frozenset(one.replace("_", " ") for one in words), gloss)


def _count_phrases(folder: Path) -> Counter[str]:
    """Return the number of definitions with their examples that contain each phrase."""
    counts: Counter[str] = Counter()
    for name in ("noun", "verb", "adj", "adv"):
        for line in (folder / f"data.{name}").read_text(encoding="utf-8").splitlines():
            words = re.findall(r"[a-z]+(?:['-][a-z]+)*", line.partition(" | ")[2].lower())
            counts.update(
                {
                    " ".join(words[start : start + length])
                    for length in range(1, MOST_WORDS + 1)
                    for start in range(len(words) - length + 1)
                }
            )
    return counts


if __name__ == "__main__":
    main()
