"""The contract between Python and the browser."""

import runpy
import sys
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel

SCRIPT = Path(__file__).parents[3] / "viewer" / "generate_contract.py"


@pytest.fixture
def generator():
    return runpy.run_path(str(SCRIPT))


def test_the_typescript_of_the_contract_is_up_to_date(generator):
    assert generator["TARGET"].read_text(encoding="utf-8") == generator["generate"]()


def test_a_stale_file_is_noticed(generator, tmp_path, monkeypatch):
    stale = tmp_path / "contract.ts"
    stale.write_text(generator["generate"]() + "export interface Old {}\n", encoding="utf-8")
    generator["main"].__globals__["TARGET"] = stale
    monkeypatch.setattr(sys, "argv", ["generate_contract.py", "--check"])
    with pytest.raises(SystemExit, match="stale"):
        generator["main"]()


@pytest.mark.parametrize(
    ("annotation", "typescript"),
    [
        (str, "string"),
        (int | float | None, "number | null"),
        (list[int], "readonly number[]"),
        (list[str | None], "readonly (string | null)[]"),
        (dict[str, bool], "{ readonly [name: string]: boolean }"),
        (Literal["a", "b"], '"a" | "b"'),
        (Literal[1], "1"),
    ],
)
def test_types_are_translated(generator, annotation, typescript):
    class Model(BaseModel):
        field: annotation

    assert generator["_type"](Model.model_json_schema()["properties"]["field"]) == typescript


def test_an_unsupported_type_is_refused(generator):
    with pytest.raises(TypeError, match="no TypeScript"):
        generator["_type"]({"type": "array", "prefixItems": []})
