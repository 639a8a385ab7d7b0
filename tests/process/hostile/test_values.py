"""Values of another type or shape in a map cause at most an error of one line."""

import json

import pytest

from helpers.audit import recorded_events
from hostile import maps
from hostile.uses import request_everything


@pytest.mark.parametrize(
    "file", ["run.json", "findings.json", "regions.json", "bundle/manifest.json"]
)
def test_a_json_value_of_another_type_causes_at_most_an_error_of_one_line(
    hostile, seed, featscape, file
):
    content = json.loads((seed / file).read_text())
    with recorded_events() as events:
        for number, place in enumerate(maps.kinds_of_places(content)):
            value = maps.VALUES[number % len(maps.VALUES)]
            (hostile / file).write_text(json.dumps(maps.replaced(content, place, value)))
            commands = {"run.json": "info", "regions.json": "info", "findings.json": "findings"}
            command = commands.get(file)
            if command:
                report = ("report", hostile, "-o", hostile.parent / "report.html", "--force")
                for shown in (featscape(command, hostile), featscape(*report)):
                    assert shown.status in (0, 2), place
                    assert "Traceback" not in shown.err
            else:
                request_everything(hostile)
    assert events == []


def test_a_changed_items_table_causes_at_most_one_line_of_error(hostile, seed, featscape):
    table = maps.read_items(seed)
    for kind, variant in maps.item_tables(table, "\x1b]52;c;aGFybQ==\x07<script>"):
        maps.write_items(hostile, variant)
        shown = featscape("info", hostile)
        assert shown.status in (0, 2), kind
        assert "\x1b" not in shown.out + shown.err, kind
        assert len(shown.err.splitlines()) <= 1, kind
        request_everything(hostile)
