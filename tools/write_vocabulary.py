"""Write src/featscape/words/imagenet.json: names and hypernyms of the classes of ImageNet-1k.

The order of the classes comes from timm, and the names and hypernyms come from WordNet 3.0:
`apt-get download wordnet-base` and `dpkg-deb -x wordnet-base*.deb DIR` give the folder
DIR/usr/share/wordnet.

    python tools/write_vocabulary.py DIR/usr/share/wordnet
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from timm.data import ImageNetInfo

FILE = Path(__file__).parents[1] / "src/featscape/words/imagenet.json"
N_LICENSE_LINES = 29


def main() -> None:
    """Read WordNet and the list of classes, and write the file."""
    lines = (Path(sys.argv[1]) / "data.noun").read_text(encoding="utf-8").splitlines()
    nouns = dict(_parse(line) for line in lines[N_LICENSE_LINES:])
    classes = ImageNetInfo("imagenet-1k").label_names()
    concepts: dict[str, tuple[list[str], list[str]]] = {}
    pending = list(classes)
    while pending:
        name = pending.pop()
        if name not in concepts:
            concepts[name] = nouns[name]
            pending += nouns[name][1]
    content = {
        "source": "WordNet 3.0, https://wordnet.princeton.edu",
        "license": notice_of(lines),
        "classes": classes,
        "concepts": {
            name: {"names": names, "hypernyms": hypernyms}
            for name, (names, hypernyms) in sorted(concepts.items())
        },
    }
    # one line per concept
    text = json.dumps(content, ensure_ascii=False).replace('}, "n', '},\n"n')
    FILE.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(concepts):,} concepts, {FILE.stat().st_size / 1000:.0f} kB\n")


def notice_of(lines: list[str]) -> str:
    """Return the license at the beginning of a file of WordNet, without the numbers of the lines.

    Parameters
    ----------
    lines : list of str
        Of the file.
    """
    notice = (" ".join(line.split()[1:]) for line in lines[:N_LICENSE_LINES])
    return " ".join(filter(None, notice))


def _parse(line: str) -> tuple[str, tuple[list[str], list[str]]]:
    """Return the identifier, the names and the hypernyms of a synset: see wndb(5WN)."""
    fields = line.partition(" | ")[0].split()
    n_words = int(fields[3], 16)
    words = fields[4 : 4 + 2 * n_words : 2]
    pointers = fields[5 + 2 * n_words :]
    pairs = zip(pointers[::4], pointers[1::4], strict=False)
    return f"n{fields[0]}", (
        [word.replace("_", " ") for word in words],
        [f"n{offset}" for symbol, offset in pairs if symbol in ("@", "@i")],
    )


if __name__ == "__main__":
    main()
