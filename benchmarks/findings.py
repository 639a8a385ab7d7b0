"""Compare the label errors of featscape with baselines on a map whose true labels are known.

    python benchmarks/findings.py MAP TRUTH [--cleanlab PYTHON]

MAP is a map folder. TRUTH is a CSV file with the columns path and true, and one column for each
set of given labels. For CIFAR-10N: write the images into folders of the true class, make a map,
and list the labels of Wei et al. (2022), "Learning with noisy labels revisited", in TRUTH.

PYTHON is an interpreter of an environment in which `pip install "cleanlab[datalab]"` was run.

Output: a Markdown table of average precision, AUROC and the share of right suggestions among the
found errors.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from featscape.findings.labels.label_errors import find_label_errors
from featscape.findings.spaces import principal_components, search_all_pairs, unit_rows
from featscape.labels.classes import count_classes
from featscape.mapfolder.read import open_map

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Scores = tuple[NDArray[np.float64], NDArray[np.str_]]  # suspicion and suggested label

_CLEANLAB = """
import sys
import numpy as np
from cleanlab import Datalab
given = np.load(sys.argv[1])
lab = Datalab({"label": given["labels"].tolist()}, label_name="label", verbosity=0)
lab.find_issues(features=given["features"], issue_types={"label": {}})
issues = lab.get_issues("label")
np.savez(sys.argv[2], score=-issues["label_score"].to_numpy(),
         suggested=issues["predicted_label"].to_numpy().astype(str))
"""


def ours(features: NDArray[np.float32], labels: Sequence[str]) -> Scores:
    found = find_label_errors(
        principal_components(features),
        count_classes(labels, len(labels)),
        n_items=len(labels),
        search=search_all_pairs,
    )
    suggested = np.array([name or "" for name in found.suggested])
    return np.nan_to_num(found.suspicion.astype(np.float64), nan=-np.inf), suggested


def five_neighbors(features: NDArray[np.float32], labels: Sequence[str]) -> Scores:
    """Return the share of the 5 nearest neighbors with another label, and their majority."""
    near = np.array(labels)[search_all_pairs(unit_rows(features), 5).indices]
    other = (near != np.array(labels)[:, None]).mean(axis=1)
    majority = []
    for row in near:
        names, counts = np.unique(row, return_counts=True)
        majority.append(names[counts.argmax()])
    return other, np.array(majority)


def with_cleanlab(features: NDArray[np.float32], labels: Sequence[str], python: str) -> Scores:
    """Return the scores of cleanlab's Datalab from features, computed in its own environment."""
    with tempfile.TemporaryDirectory() as folder:
        given, result = Path(folder) / "given.npz", Path(folder) / "result.npz"
        np.savez(given, features=features, labels=np.array(labels))
        subprocess.run([python, "-c", _CLEANLAB, given, result], check=True)
        with np.load(result) as scores:
            return scores["score"], scores["suggested"]


def measure(scores: Scores, labels: Sequence[str], truth: Sequence[str]) -> tuple[float, ...]:
    """Return average precision, AUROC, and the share of right suggestions among found errors."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    suspicion, suggested = scores
    true = np.array(truth)
    is_wrong = np.array(labels) != true
    first = np.argsort(-suspicion, kind="stable")[: is_wrong.sum()]
    found = first[is_wrong[first]]
    finite = np.maximum(suspicion, np.min(suspicion[np.isfinite(suspicion)]) - 1)
    return (
        float(average_precision_score(is_wrong, finite)),
        float(roc_auc_score(is_wrong, finite)),
        float((suggested[found] == true[found]).mean()),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("map", type=Path, help="a map folder")
    parser.add_argument("truth", type=Path, help="CSV: path, true, and columns of given labels")
    parser.add_argument("--cleanlab", metavar="PYTHON", help="an interpreter with cleanlab")
    options = parser.parse_args()
    made = open_map(options.map)
    if made.paths is None:
        raise SystemExit("the map must have paths; got a map of features. Make a map of images.")
    with options.truth.open(newline="", encoding="utf-8") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    truth = [rows[path]["true"] for path in made.paths]
    features = np.asarray(made.features)
    methods = {"featscape": ours, "5 nearest neighbors": five_neighbors}
    print("| labels | wrong | method | average precision | AUROC | right suggestion | time |")
    print("|---|---|---|---|---|---|---|")
    for column in [name for name in next(iter(rows.values())) if name not in ("path", "true")]:
        labels = [rows[path][column] for path in made.paths]
        wrong = np.mean([one != other for one, other in zip(labels, truth, strict=True)])
        timed = {}
        for name, method in methods.items():
            start = perf_counter()
            timed[name] = (method(features, labels), perf_counter() - start)
        if options.cleanlab is not None:
            start = perf_counter()
            scores = with_cleanlab(features, labels, options.cleanlab)
            timed["cleanlab, Datalab from features"] = (scores, perf_counter() - start)
        for name, (scores, seconds) in timed.items():
            figures = " | ".join(f"{figure:.3f}" for figure in measure(scores, labels, truth))
            print(f"| {column} | {wrong:.1%} | {name} | {figures} | {seconds:.1f} s |", flush=True)


if __name__ == "__main__":
    main()
