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
        principal_components(features, random_state=0),
        count_classes(labels, len(labels)),
        n_items=len(labels),
        search=search_all_pairs,
        random_state=0,
        noun="image",
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


def self_clean(features: NDArray[np.float32], labels: Sequence[str]) -> Scores:
    """Return the score of SelfClean, by its formula, and the class of the nearest other item.

    The score compares the distance to the nearest item of another class with the distance to the
    nearest item of the own class: Groeger et al. (2024), "Intrinsic self-supervision for data
    quality audits", NeurIPS.
    """
    rows = unit_rows(features)
    names, codes = np.unique(np.array(labels), return_inverse=True)
    score, nearest = np.empty(len(rows)), np.empty(len(rows), dtype=np.intp)
    for start in range(0, len(rows), 1_000):
        own = np.arange(start, min(start + 1_000, len(rows)))
        distances = np.maximum(1 - rows[own] @ rows.T, 0)
        distances[np.arange(len(own)), own] = np.inf
        is_same = codes[own, None] == codes
        same = np.where(is_same, distances, np.inf).min(axis=1)
        others = np.where(is_same, np.inf, distances)
        nearest[own] = others.argmin(axis=1)
        other = others.min(axis=1)
        score[own] = np.nan_to_num(same**2 / (same**2 + other**2), nan=1.0)
    return score, names[codes[nearest]]


def mistakenness(features: NDArray[np.float32], labels: Sequence[str]) -> Scores:
    """Return FiftyOne's mistakenness, by its formula, with a logistic regression in five folds."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    given = np.array(labels)
    names = np.unique(given)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200))
    values = principal_components(features, 256, random_state=0)
    rows = unit_rows(features) if values is None else values.values
    p = cross_val_predict(model, rows, given, cv=5, method="predict_proba")
    predicted = names[p.argmax(axis=1)]
    sign = np.where(predicted == given, -1, 1)
    return (sign * p.max(axis=1) + 1) / 2, predicted


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
    methods = {
        "featscape": ours,
        "5 nearest neighbors": five_neighbors,
        "SelfClean (formula)": self_clean,
        "FiftyOne's mistakenness (formula)": mistakenness,
    }
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
