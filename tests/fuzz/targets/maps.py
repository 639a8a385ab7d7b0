"""Map folders from other people: the commands, the server, and new images."""

from __future__ import annotations

import copy
import io
import json
import logging
import os
import shutil
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from starlette.testclient import TestClient

from featscape.app.server.application import ServedMap, make_app
from featscape.app.server.security import Access, Guard
from featscape.cli.screens import findings_report, search_report
from featscape.cli.screens.map_report import describe
from featscape.errors import FeatscapeError
from featscape.mapfolder.read import open_map
from featscape.steps.content.search import Searcher
from featscape.steps.drawing import export_site
from featscape.steps.findings import open_findings
from featscape.steps.placement import open_placer
from featscape.steps.tsne.adapter import load_tsne
from fuzz.containers import change_npy_header
from fuzz.mutate import encode, mutate_bytes, mutate_json
from fuzz.pictures import canary_image
from fuzz.rules import Violation
from fuzz.settings import SHARED
from helpers.audit import PAYLOAD
from hostile import CANARY
from hostile.seedmap import copy_seed_map

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from fuzz.rules import Rules

_MAP, _SITE = "map", "site"
_REQUESTED = (
    *("/", "/scatter.png", "/data/manifest.json", "/data/strings.bin", "/data/positions.bin"),
    "/data/findings.bin",
    *("/api/items/0", "/api/items/23", "/api/items/5/neighbors", "/api/items/23/neighbors"),
    *("/api/items/3/thumbnail", "/api/items/23/thumbnail", "/api/items/2/image"),
)
_WEIGHTED = {"run.json": 6, "items.parquet": 6, "neighbors.npz": 3, "features.npy": 2}
_ODD_RUN: dict[str, tuple[Any, ...]] = {
    "source": ("/", "/etc", "..", "s3://", "http://127.0.0.1:1/x", "\0", "x" * 5000, "~"),
    "source_kind": ("manifest", "zip", "tar", "parquet", "array", "address", "folder", "x", 1),
    "model": ("payload:net", "os:abort", "map.payload:net", "http.server:test", "", "../x.onnx"),
    "schema_version": (0, 2, "1", None, 1.0, 10**30),
}


class Target:
    """Open one damaged or hostile map folder with each command that reads a map."""

    def __init__(self, workspace: Path, rules: Rules) -> None:
        self._rules = rules
        self._seed = copy_seed_map(workspace.parent / SHARED, workspace)
        self._outside = workspace / "outside.png"
        self._outside.write_bytes(canary_image())
        self._files = sorted(
            str(file.relative_to(self._seed)) for file in self._seed.rglob("*") if file.is_file()
        )
        self._weights = [_WEIGHTED.get(name, 1) for name in self._files]
        logging.disable(logging.CRITICAL)
        shutil.copytree(self._seed, workspace / "warm-up" / _MAP)
        self.check(workspace / "warm-up")  # imports all modules before the first try

    def write(self, rng: Random, folder: Path) -> None:
        """Copy the map, and change one or two of its files."""
        made = folder / _MAP
        shutil.copytree(self._seed, made)
        (folder / "payload.py").write_text(PAYLOAD, encoding="utf-8")
        shutil.copy(folder / "payload.py", made)
        names = rng.choices(self._files, self._weights, k=rng.choice((1, 1, 2)))
        for name in dict.fromkeys(names):
            file = made / name
            if rng.random() < 0.06:
                _replace(rng, file, outside=self._outside)
            elif rng.random() < 0.7:
                _change_structure(rng, file)
            else:
                file.write_bytes(mutate_bytes(rng, file.read_bytes()))

    def check(self, folder: Path) -> None:
        """Run each command on the map; only FeatscapeError may be raised."""
        made = folder / _MAP
        self._rules.named_folder = _source(made)
        for command in (_describe, _report_findings, _search, _serve, _export, _transform, _place):
            try:
                command(made)
            except FeatscapeError as error:
                if not str(error) or "\n" in str(error):
                    raise Violation("a message must be one line", str(error)) from error


def _source(made: Path) -> str | None:
    """Return the folder that run.json names as the source; the server reads originals there."""
    file = made / "run.json"
    if file.is_symlink() or not file.is_file():
        return None
    try:
        source = json.loads(file.read_bytes())["source"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return source if isinstance(source, str) else None


def _replace(rng: Random, file: Path, *, outside: Path) -> None:
    """Replace a file with a folder, a link, a pipe, an empty file, or nothing."""
    file.unlink()
    match rng.randrange(5):
        case 0:
            file.mkdir()
        case 1:
            file.symlink_to(rng.choice((outside, file, "/dev/zero", "/nowhere")))
        case 2:
            os.mkfifo(file)
        case 3:
            file.touch()
        case _:
            pass


def _change_structure(rng: Random, file: Path) -> None:
    """Change the content of a file, and keep the format of the file valid."""
    if file.name == "run.json":
        run = mutate_json(rng, json.loads(file.read_bytes()))
        if rng.random() < 0.4:
            name = rng.choice(list(_ODD_RUN))
            odd = copy.deepcopy(rng.choice(_ODD_RUN[name]))
            run[name] = {**run["model"], "name": odd} if _has_model(run, name) else odd
        file.write_bytes(encode(json.dumps(run)))
    elif file.suffix == ".json":
        file.write_bytes(encode(json.dumps(mutate_json(rng, json.loads(file.read_bytes())))))
    elif file.suffix == ".parquet":
        pq.write_table(_odd_table(rng, pq.read_table(file)), file)
    elif file.suffix == ".npy":
        file.write_bytes(change_npy_header(rng, np.load(file)))
    elif file.suffix == ".npz":
        with np.load(file) as stored:
            arrays = {name: _odd_array(rng, stored[name]) for name in stored.files}
        if rng.random() < 0.1:
            arrays.pop(rng.choice(list(arrays)))
        np.savez(file, **arrays)
    else:
        file.write_bytes(mutate_bytes(rng, file.read_bytes()))


def _has_model(run: Any, name: str) -> bool:
    return name == "model" and isinstance(run.get("model"), dict)


def _odd_array(rng: Random, values: np.ndarray) -> np.ndarray:
    """Return an array with unusual values, another type or another shape, or the same array."""
    changes = (
        lambda: values,
        lambda: values[: rng.randrange(len(values))],
        lambda: values.T,
        lambda: values[:, :0],
        values.ravel,
        lambda: values.astype(rng.choice(("<f8", ">i4", "<i8", "|b1", "<c8", "<U9", "|S4"))),
        lambda: np.full_like(values, np.int64(rng.choice((-1, 23, 24, 10**9, -(2**31))))),
        lambda: (values * np.float64(np.nan)).astype(np.float32),
    )
    return rng.choice(changes)()


def _odd_table(rng: Random, table: pa.Table) -> pa.Table:
    """Return the table with a column removed, replaced or added, or with fewer rows."""
    n_rows = table.num_rows
    name = rng.choice(table.column_names)
    at = table.column_names.index(name)
    not_text = pa.array([b"\xff\xfe\x80"] * n_rows)
    odd = rng.choice(
        (
            *(pa.array([value] * n_rows) for value in (None, "x", 1.5, [1], {"a": 1}, True, 2**40)),
            *(pa.array([value] * n_rows) for value in (b"\xff", float("nan"), "../outside.png")),
            *(
                pa.array([value] * n_rows)
                for value in ("\x1b[2J", "a\0b", "/etc/passwd", "", "<b>")
            ),
            pa.array([None, *["x"] * (n_rows - 1)]),
            pa.array([-(2**31)] * n_rows, pa.date32()),
            pa.Array.from_buffers(pa.string(), n_rows, not_text.buffers()),
            pa.array(["a", None] * n_rows)[:n_rows].dictionary_encode(),
            pa.array(["http://127.0.0.1:1/x.png"] * n_rows),
        )
    )
    match rng.randrange(5):
        case 0:
            return table.remove_column(at)
        case 1:
            return table.slice(0, rng.randrange(n_rows))
        case 2:
            added = rng.choice(
                (name, "new", "path_bytes", "z", "landmark", "sha256", "", "\x1b[2J")
            )
            return table.append_column(added, odd)
        case _:
            return table.set_column(at, name, odd)


def _describe(made: Path) -> None:
    """Print the map as `featscape info` does."""
    screen = io.StringIO()
    Console(file=screen, width=200, color_system=None).print(describe(open_map(made)))
    if "\x1b" in screen.getvalue():
        raise Violation("`info` prints a control sequence to the terminal")


def _search(made: Path) -> None:
    """Search the map for words as `featscape search` does."""
    opened = open_map(made)
    screen = io.StringIO()
    found = Searcher(opened).search("animal")
    Console(file=screen, width=200, color_system=None).print(
        search_report.describe(opened, found, query="animal")
    )
    for shown in (screen.getvalue(), search_report.as_csv(opened, found, for_terminal=True)):
        if any(not (c.isprintable() or c == "\n") for c in shown):
            raise Violation("`search` prints a control sequence to the terminal")


def _report_findings(made: Path) -> None:
    """Print the findings of the map as `featscape findings` does."""
    opened = open_map(made)
    findings = open_findings(opened)
    screen = io.StringIO()
    Console(file=screen, width=200, color_system=None).print(findings_report.describe(findings))
    for text in (
        screen.getvalue(),
        findings_report.as_json(findings),
        findings_report.as_csv(
            findings,
            labels=opened.labels,
            splits=opened.splits,
            columns=opened.columns,
            for_terminal=True,
        ),
    ):
        if "\x1b" in text:
            raise Violation("`findings` prints a control sequence to the terminal")


def _serve(made: Path) -> None:
    """Send requests to the server; a status of 500 is allowed, because the map is damaged."""
    with closing(ServedMap(made)) as served:
        app = Guard(make_app(served), access=Access.on_loopback(8000))
        client = TestClient(app, base_url="http://127.0.0.1:8000")
        for path in _REQUESTED:
            _check_answer(path, client.get(path))
        for kind in ("search", "content"):
            _check_answer(kind, client.post(f"/api/{kind}", json={"text": "a"}))
        selected = client.post("/api/zip", json={"ids": [0, 1]})
        _check_answer("zip", selected)
        if selected.status_code == 200:
            _check_answer("archive", client.get(f"/api/zip/{selected.json()['key']}"))


def _check_answer(what: str, answer: Any) -> None:
    if CANARY in answer.content or b"root:x:" in answer.content:
        raise Violation("the server returns a file outside of the map", what)
    if answer.status_code >= 400:
        shape = answer.json()
        if set(shape) != {"error", "status"} or shape["status"] != answer.status_code:
            raise Violation("an error with another shape", (what, answer.text[:200]))


def _export(made: Path) -> None:
    site = made.parent / _SITE
    export_site(made, site, force=True)
    for file in site.rglob("*"):
        if file.is_file() and CANARY in file.read_bytes():
            raise Violation("`export` copies a file outside of the map", file.name)


def _transform(made: Path) -> None:
    opened = open_map(made)
    load_tsne(opened).transform(np.asarray(opened.features[:2]))


def _place(made: Path) -> None:
    """Load the network of the map, whose name is unknown to featscape."""
    open_placer(open_map(made))
