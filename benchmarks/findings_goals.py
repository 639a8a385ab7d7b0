"""Measure the findings on planted faults and on known truths, beside other tools.

    python benchmarks/findings_goals.py SETS [ROW ...] [--peers PYTHON]

SETS is a folder with the sources "animals", "stamps", "emoji", "cifar" and "fashion"; README.md
describes them. "cifar" contains labels.csv, the table TRUTH of findings.py. The features are
computed by efficientnet_lite0 and kept in SETS/features. PYTHON is an interpreter of an environment
with "cleanlab[datalab]" and cleanvision.

Output: a Markdown table with the goal of each row. The goals are the figures of a prototype.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageFilter

from featscape import TSNE, find_images
from featscape.findings import choose_checks, estimate_errors
from featscape.findings.classes.relations import find_class_relations
from featscape.findings.classes.tree import class_distances
from featscape.findings.labels.label_errors import find_label_errors
from featscape.findings.off_topic import find_off_topic
from featscape.findings.pixels.quality import measure_faults
from featscape.findings.pixels.survey import Survey, survey_thumbnails
from featscape.findings.reliability import measure_reliability
from featscape.findings.shortcuts.cells import find_shortcuts
from featscape.findings.spaces import principal_components, search_all_pairs, unit_rows
from featscape.labels.classes import count_classes
from findings import five_neighbors, measure, mistakenness, ours, self_clean, with_cleanlab
from findings_limit import limited_labels
from findings_moved import NEAR, find_moved
from findings_sets import CLEANVISION, DATALAB, Pictures, Sets, plant_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from featscape.records import ImageSource
    from findings_sets import Data

    Floats = NDArray[np.floating[Any]]
    Row = tuple[str, str, str, str]  # what, goal, featscape, others

N_SEEDS = 3
MOST_OFF_TOPIC = 4_500
# host, guest; a guest with ":" is a class of the host
PAIRS = (
    ("cifar", "emoji"), ("cifar", "stamps"), ("cifar", "fashion"), ("digits", "fashion"),
    ("fashion", "digits"), ("fashion", "cifar"), ("animals", "stamps"), ("animals", "emoji"),
    ("animals", "cifar"), ("emoji", "animals"), ("stamps", "emoji"), ("stamps", "cifar"),
    ("cifar", "cifar:ship"), ("fashion", "fashion:8"),
)  # fmt: skip
N_BLURRED, BLUR_PX = 25, 2.5
SIDE_PX, THUMBNAIL_PX, LEAST_SIDE_PX = 512, 256, 64
TINT = 0.3
N_TINTED, N_NULL = 20, 100
CLOSE_PAIRS = ({"cat", "dog"}, {"automobile", "truck"}, {"deer", "horse"}, {"airplane", "ship"})
MAPPED = 1_500


def planted_labels(sets: Sets) -> Iterator[Row]:
    """Yield average precision and right suggestions for planted label errors."""
    for name, peer in (("digits", ".72"), ("fashion", ".87")):
        data = sets.load(name)
        methods: dict[str, Callable[..., Any]] = {
            "featscape": ours,
            "5 nearest neighbors": five_neighbors,
            "SelfClean": self_clean,
            "mistakenness": mistakenness,
        }
        if sets.peers is not None:
            methods["Datalab"] = partial(with_cleanlab, python=sets.peers)
        means = {}
        for method, scores in methods.items():
            measured = []
            for seed in range(N_SEEDS):
                given = plant_errors(data.labels, seed).tolist()
                figures = measure(scores(data.features, given), given, data.labels.tolist())
                measured.append(figures)
            means[method] = np.mean(measured, axis=0)
        for what, goal, at in (
            (f"5 % planted label errors, {name}: average precision", f".92 (peers {peer})", 0),
            (f"5 % planted label errors, {name}: suggestion right, of the found", ".90", 2),
        ):
            others = [f"{method} {means[method][at]:.3f}" for method in list(means)[1:]]
            yield what, goal, f"{means['featscape'][at]:.3f}", ", ".join(others)


def checked_labels(sets: Sets) -> Iterator[Row]:
    """Yield the error of the share of wrong labels after 30 checks, in the worst of the lists."""
    cifar = sets.load("cifar")
    truth = sets.truth(cifar)
    cases = [(cifar, truth[column]) for column in truth if column != "true"]
    for name in ("digits", "fashion"):
        data = sets.load(name)
        cases += [(data, plant_errors(data.labels, seed)) for seed in range(N_SEEDS)]
    errors = []
    for data, given in cases:
        listed = find_label_errors(
            principal_components(data.features, random_state=0),
            count_classes(given.tolist(), len(given)),
            n_items=len(given),
            search=search_all_pairs,
            random_state=0,
            noun="image",
        ).result.findings
        is_wrong = given != (truth["true"] if data is cifar else data.labels)
        checked = {
            listed[at].item: bool(is_wrong[listed[at].item]) for at in choose_checks(len(listed))
        }
        estimate = estimate_errors(listed, checked)
        n_wrong = sum(is_wrong[one.item] for one in listed)
        errors.append(abs((estimate.low + estimate.high) / 2 - n_wrong) / len(listed))
    what = f"precision estimated from 30 checks: largest error of {len(cases)} lists"
    yield what, ".12", f"{max(errors):.3f} (mean {np.mean(errors):.3f})", "not offered"


def off_topic(sets: Sets) -> Iterator[Row]:
    """Yield the mean AUROC of foreign images in the pairs of sets, and the flagged clean images."""
    from sklearn.metrics import roc_auc_score
    from sklearn.neighbors import LocalOutlierFactor

    loaded = {name: sets.load(name) for name in {host for host, _ in PAIRS}}
    scores: dict[str, list[float]] = {"featscape": [], "LOF": [], "Datalab": []}
    for host, guest in PAIRS:
        features, labels, is_foreign = _mix(loaded, host, guest)
        results = {"featscape": _off_topic_score(features, labels)}
        rows = unit_rows(features)
        lof = LocalOutlierFactor(n_neighbors=min(20, len(rows) // 4)).fit(rows)
        results["LOF"] = -lof.negative_outlier_factor_
        if sets.peers is not None:
            with tempfile.TemporaryDirectory() as folder:
                given, result = Path(folder) / "given.npz", Path(folder) / "result.npy"
                np.savez(given, features=features)
                results["Datalab"] = sets.run_peer(DATALAB, given, result)
        for name, values in results.items():
            scores[name].append(float(roc_auc_score(is_foreign, values)))
        print(host, guest, {name: round(all_[-1], 3) for name, all_ in scores.items() if all_})
    others = [f"{name} {np.mean(found):.3f}" for name, found in scores.items() if found][1:]
    what = f"off topic: mean AUROC of {len(PAIRS)} pairs"
    yield what, ".86 (peers .71)", f"{np.mean(scores['featscape']):.3f}", ", ".join(others)
    flagged = {
        name: np.mean(_off_topic_score(loaded[name].features, loaded[name].labels.tolist()) > 0)
        for name in ("animals", "stamps", "cifar")
    }
    shown = ", ".join(f"{name} {100 * share:.2f} %" for name, share in flagged.items())
    yield "off topic: flagged in clean photographs", "at most .5 %", shown, ""


def _mix(
    loaded: dict[str, Data], host: str, guest: str
) -> tuple[NDArray[np.float32], list[str], NDArray[np.bool_]]:
    """Return a host with 2 % images of the guest, whose labels are random classes of the host."""
    random = np.random.default_rng(0)
    data = loaded[host]
    foreign = loaded[guest.partition(":")[0]].features
    if ":" in guest:
        is_guest = data.labels == guest.partition(":")[2]
        foreign, data = data.features[is_guest], data.take(np.flatnonzero(~is_guest))
    elif guest == "stamps":  # animals may be in the host
        is_other = loaded["stamps"].labels != "animals"
        foreign = loaded["stamps"].features[is_other]
    data = data.take(random.permutation(len(data.labels))[:MOST_OFF_TOPIC])
    n_foreign = max(3, round(0.02 * len(data.labels)))
    foreign = foreign[random.permutation(len(foreign))[:n_foreign]]
    labels = [*data.labels.tolist(), *random.choice(np.unique(data.labels), n_foreign).tolist()]
    is_foreign = np.arange(len(labels)) >= len(data.labels)
    return np.concatenate([data.features, foreign]), labels, is_foreign


def _off_topic_score(features: NDArray[np.float32], labels: Sequence[str]) -> Floats:
    return find_off_topic(
        features,
        np.zeros((len(features), 1), np.int32),  # only for the evidence
        components=principal_components(features, random_state=0),
        classes=count_classes(labels, len(labels)),
        random_state=0,
        n_threads=1,
    ).score


def mild_blur(sets: Sets) -> Iterator[Row]:
    """Yield the average precision of images that were blurred by 2.5 pixels, of 512 pixels."""
    from sklearn.metrics import average_precision_score

    images = find_images(sets.folder / "stamps")
    precision: dict[tuple[str, bool], list[float]] = {}
    for seed in range(N_SEEDS):
        is_blurred, is_large, scores = _blur(sets, images, seed)
        for name, values in scores.items():
            for large_only in (True, False):
                used = is_large if large_only else np.ones(len(images), bool)
                ap = average_precision_score(is_blurred[used], values[used])
                precision.setdefault((name, large_only), []).append(float(ap))
    for large_only, of in ((True, "stamps of at least 64 pixels"), (False, "all 962 stamps")):
        means = {
            name: np.mean(found)
            for (name, large), found in precision.items()
            if large == large_only
        }
        others = ", ".join(f"{name} {ap:.3f}" for name, ap in means.items() if name != "featscape")
        what = f"mild blur of {N_BLURRED} of {of}: average precision"
        yield what, ".93 (peer .18)", f"{means['featscape']:.3f}", others


def _blur(
    sets: Sets, images: ImageSource, seed: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], dict[str, Floats]]:
    """Blur some images; return which are blurred, which are large, and the scores of each tool."""
    random = np.random.default_rng(seed)
    is_blurred = np.zeros(len(images), bool)
    is_blurred[random.choice(len(images), N_BLURRED, replace=False)] = True
    with tempfile.TemporaryDirectory() as name:
        folder, thumbnails = Path(name), []
        (folder / "images").mkdir()
        for item in range(len(images)):
            image = images.load(item)
            image.thumbnail((SIDE_PX, SIDE_PX))
            if is_blurred[item]:
                image = image.filter(ImageFilter.GaussianBlur(BLUR_PX))
            image.save(folder / "images" / f"{item:05d}.png")
            image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
            thumbnails.append(image)
        survey = survey_thumbnails(Pictures(thumbnails))
        blur = next(one for one in measure_faults(survey, None) if one.name == "blurred").values
        unknown = np.nanmin(blur) - 1
        scores: dict[str, Floats] = {"featscape": np.where(np.isnan(blur), unknown, blur)}
        if sets.peers is not None:
            result = folder / "result.npy"
            scores["CleanVision"] = sets.run_peer(CLEANVISION, folder / "images", result)
    is_large = np.array([min(one.size) >= LEAST_SIDE_PX for one in thumbnails])
    return is_blurred, is_large, scores


def color_cast(sets: Sets) -> Iterator[Row]:
    """Yield how often a color cast in a fifth of one class is found, and the false alarms.

    The labels are permuted, so that no property depends on them but the planted color cast.
    """
    data = sets.load("cifar")
    items = np.concatenate(
        [np.flatnonzero(data.labels == name)[:200] for name in np.unique(data.labels)]
    )
    plain = [data.images.load(int(item)) for item in items]
    factors = np.array([1 + TINT, 1, 1 - TINT])
    tinted = [
        Image.fromarray(np.clip(np.asarray(one) * factors, 0, 255).astype(np.uint8))
        for one in plain
    ]
    both = survey_thumbnails(Pictures([*plain, *tinted]))
    near = search_all_pairs(unit_rows(data.features[items]), 10).indices
    first, found, alarms = 0, 0, 0
    for seed in range(N_NULL):
        random = np.random.default_rng(seed)
        labels = random.permutation(data.labels[items])
        label = random.choice(np.unique(labels))
        alarms += bool(_cells(both, labels, near, np.zeros(len(items), bool), seed))
        if seed < N_TINTED:
            chosen = random.permutation(np.flatnonzero(labels == label))[:40]
            cells = _cells(both, labels, near, np.isin(np.arange(len(items)), chosen), seed)
            planted = ("color cast, cold to warm", str(label))
            found += planted in cells
            first += cells[:1] == [planted]
    what = "color cast of 30 % in a fifth of one class"
    counted = f"found in {found} of {N_TINTED} runs, first in {first}"
    yield what, "always found", counted, "not run"
    yield "shortcuts in runs without", "at most 5 %", f"{alarms} of {N_NULL}", ""


def _cells(
    both: Survey,
    labels: NDArray[np.str_],
    near: NDArray[np.int32],
    is_tinted: NDArray[np.bool_],
    seed: int,
) -> list[tuple[str, str]]:
    """Return property and class of the cells, for a survey of the plain and the tinted images."""
    rows = np.arange(len(labels)) + len(labels) * is_tinted
    survey = Survey(
        both.grays[rows],
        both.colors[rows],
        both.digests[rows],
        {name: values[rows] for name, values in both.measures.items()},
    )
    classes = count_classes(labels.tolist(), len(labels))
    found = find_shortcuts(survey, classes, neighbors=near, random_state=seed).findings
    return [(one.property_name, one.label) for one in found if one.label]


def class_pairs(sets: Sets) -> Iterator[Row]:
    """Yield the support of CIFAR-10's close pairs, and the correlation with human confusions."""
    from scipy.stats import spearmanr

    data = sets.load("cifar")
    truth = sets.truth(data)
    classes = count_classes(truth["true"].tolist(), len(data.labels))
    assert classes is not None
    components = principal_components(data.features, random_state=0)
    assert components is not None
    near = search_all_pairs(components.values[:, :50].copy(), 15).indices
    confidence = np.ones(len(data.labels), np.float32)
    found = find_class_relations(
        components,
        near,
        classes,
        confidence=confidence,
        n_threads=1,
        random_state=0,
        is_copy=None,
        noun="image",
    ).findings
    support = {frozenset(one.classes): one.evidence.score for one in found if len(one.classes) == 2}
    shown = [f"{'-'.join(sorted(pair))} {support.get(frozenset(pair), 0):.2f}"
             for pair in CLOSE_PAIRS]  # fmt: skip
    yield "CIFAR-10's close pairs: support", "all four, .90", ", ".join(shown), ""
    confused = np.zeros((10, 10))
    numbers = {name: at for at, name in enumerate(classes.names)}
    for column in (name for name in truth if name != "true"):
        given = np.array([numbers[name] for name in truth[column]])
        np.add.at(confused, (classes.codes, given), 1)
    distances, _ = class_distances(
        components.values, near, classes, generator=np.random.default_rng(0)
    )
    upper = np.triu_indices(10, 1)
    rho = spearmanr((confused + confused.T)[upper], -distances(np.ones(len(near)))[upper])
    yield "classes and human confusions: Spearman, 45 pairs", ".80", f"{rho.statistic:.3f}", ""


def moving_points(sets: Sets) -> Iterator[Row]:
    """Yield how well torn and false friends predict the points that move between maps."""
    from sklearn.metrics import roc_auc_score

    shown = []
    for name in ("cifar", "fashion", "digits", "emoji"):
        data = sets.load(name)
        random = np.random.default_rng(0)
        rows = unit_rows(data.features[random.permutation(len(data.labels))[:MAPPED]])
        components = principal_components(rows, random_state=0)
        assert components is not None
        values = np.ascontiguousarray(components.values[:, :50])
        whole = TSNE(perplexity=30, random_state=0).fit_transform(values)
        near = search_all_pairs(values, 3 * NEAR).indices
        reliability = measure_reliability(
            values, whole, near, classes=None, search=search_all_pairs, n_threads=1, random_state=0
        )
        is_unstable, has_moved = find_moved(values, whole)
        figures = [
            roc_auc_score(truth, score)
            for score in (reliability.torn, reliability.false_friends)
            for truth in (is_unstable, has_moved)
        ]
        shown.append(f"{name} {figures[0]:.2f}/{figures[1]:.2f}, {figures[2]:.2f}/{figures[3]:.2f}")
    what = "torn, then false friends: AUROC of the least stable 10 % / of moved points"
    yield what, ".84 to .97", "; ".join(shown), "singularity of the prototype .64 to .79"


ROWS: dict[str, Callable[[Sets], Iterator[Row]]] = {
    "labels": planted_labels,
    "checks": checked_labels,
    "limit": limited_labels,
    "off_topic": off_topic,
    "blur": mild_blur,
    "cast": color_cast,
    "classes": class_pairs,
    "moving": moving_points,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("sets", type=Path, help="a folder with the sources")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; default all")
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter with the other tools")
    options = parser.parse_args()
    unknown = set(options.rows) - ROWS.keys()
    if unknown:
        parser.error(f"a row must be one of {', '.join(ROWS)}; got {min(unknown)}")
    sets = Sets(options.sets, options.peers)
    lines = ["| measure | goal | featscape | others |", "|---|---|---|---|"]
    for name in options.rows or ROWS:
        lines += [f"| {' | '.join(row)} |" for row in ROWS[name](sets)]
        print("\n".join(lines), flush=True)
        lines = []


if __name__ == "__main__":
    main()
