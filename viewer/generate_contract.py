"""Write ``viewer/src/contract.ts`` from the Python contract; with ``--check`` only compare them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from featscape.bundle import contract

TARGET = Path(__file__).parent / "src" / "contract.ts"
HEAD = (
    "// Generated from src/featscape/bundle/contract.py; change that, then run `make contract`.\n"
)
PRIMITIVES = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}


def generate() -> str:
    """Return the TypeScript of every constant and model of the contract, in its order."""
    public = {name: value for name, value in vars(contract).items() if not name.startswith("_")}
    constants = {name: value for name, value in public.items() if isinstance(value, str | int)}
    models = [
        value
        for value in public.values()
        if isinstance(value, type) and value.__module__ == contract.__name__
    ]
    modes = [(model, "serialization") for model in models if issubclass(model, BaseModel)]
    _, schema = models_json_schema(modes)
    lines = [f"export const {name} = {json.dumps(constants[name])};" for name in constants]
    parts = ["\n".join(lines), *(_interface(m.__name__, schema["$defs"]) for m in models)]
    return HEAD + "\n" + "\n\n".join(parts) + "\n"


def _interface(name: str, definitions: dict[str, Any]) -> str:
    schema = definitions[name]
    lines = [*_comment(schema, indent=""), f"export interface {name} {{"]
    for field, value in schema["properties"].items():
        lines += _comment(value, indent="  ")
        # never optional: as Python writes a model, a field with a default is there too
        lines.append(f"  readonly {field}: {_type(value)};")
    return "\n".join([*lines, "}"])


def _comment(schema: dict[str, Any], *, indent: str) -> list[str]:
    text = " ".join(schema.get("description", "").split())
    return [f"{indent}/** {text} */"] if text else []


def _type(schema: dict[str, Any]) -> str:
    """Return the TypeScript of a schema; one that this does not know ends the program."""
    match schema:
        case {"$ref": reference}:
            found = str(reference).rsplit("/", 1)[-1]
        case {"const": value}:
            found = json.dumps(value)
        case {"enum": values}:
            found = " | ".join(json.dumps(value) for value in values)
        case {"anyOf": choices}:
            found = " | ".join(dict.fromkeys(_type(choice) for choice in choices))
        case {"type": "array", "items": items}:
            item = _type(items)
            found = f"readonly ({item})[]" if " " in item else f"readonly {item}[]"
        case {"type": "object", "additionalProperties": dict() as values}:
            found = f"{{ readonly [name: string]: {_type(values)} }}"
        case {"type": str() as primitive} if primitive in PRIMITIVES:
            found = PRIMITIVES[primitive]
        case _:
            raise TypeError(f"no TypeScript is known for the schema {schema}")
    return found


def main() -> None:
    """Write the file, or compare it."""
    if sys.argv[1:] == ["--check"]:
        if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != generate():
            sys.exit("viewer/src/contract.ts is stale: run `make contract`.")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        TARGET.write_text(generate(), encoding="utf-8")


if __name__ == "__main__":
    main()
