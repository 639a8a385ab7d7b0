"""Measure how well the words of a map find a picture by its caption.

    .venv/bin/python benchmarks/words.py FOLDER

FOLDER contains pictures, each with its caption in the first line of a text file of the same name,
such as usr/share/tuxpaint/stamps of Debian's tuxpaint-stamps-default. A picture is found if it is
among the first ten pictures for the known words of its caption. Rare words count more: a word
weighs -log of its mean probability. Chance is the recall of a random order.
"""

from __future__ import annotations

import argparse
import itertools
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featscape import make_map
from featscape.mapfolder.words_file import read_recognized
from featscape.words import load_vocabulary, match

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.records import Recognized

K = 10


def known_words(caption: str) -> list[str]:
    """Return the words and pairs of words of a caption that the vocabulary contains."""
    single = re.findall(r"\w+", caption)
    pairs = [f"{a} {b}" for a, b in itertools.pairwise(single)]
    return [word for word in dict.fromkeys(single + pairs) if load_vocabulary().find_classes(word)]


def weighed(word: str, recognized: Recognized) -> NDArray[np.float64]:
    """Return the weighed probability of a word for each picture."""
    found = match(word, recognized)
    scores = np.zeros(len(recognized))
    scores[found.items] = found.scores
    return np.asarray(-np.log(max(scores.mean(), 1e-6)) * scores)


def main() -> None:
    """Make a map of the pictures, search for each caption, and print the recall."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="efficientnet_lite0")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        made = make_map(asked.folder, Path(work) / "map", model=asked.model, findings=False)
        recognized = read_recognized(made.folder, n_items=len(made))
        if recognized is None or made.paths is None:
            raise SystemExit(f"the network {asked.model} has no words. Choose another --model.")
    ranks = []
    n_captions = 0
    for item, path in enumerate(made.paths):
        file = (asked.folder / path).with_suffix(".txt")
        if not file.is_file():
            continue
        n_captions += 1
        words = known_words(file.read_text(encoding="utf-8").splitlines()[0])
        if words:
            scores = np.sum([weighed(word, recognized) for word in words], axis=0)
            better = (scores > scores[item]).sum()
            tied = (scores == scores[item]).sum() - 1
            ranks.append(better + tied / 2)  # the mean rank among pictures with the same score
    found = sum(rank < K for rank in ranks)
    print(
        f"| pictures | captions | with a known word | recall at {K} | of those with a known word "
        f"| chance |\n|---|---|---|---|---|---|\n| {len(made):,} | {n_captions:,} "
        f"| {len(ranks) / n_captions:.2f} | {found / n_captions:.3f} "
        f"| {found / len(ranks):.3f} | {K / len(made):.3f} |"
    )


if __name__ == "__main__":
    main()
