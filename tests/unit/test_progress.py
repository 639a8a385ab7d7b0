import io
import re

import pytest
from rich.console import Console

from featscape.progress import (
    PlainProgress,
    RichProgress,
    SilentProgress,
    Stopwatch,
    Task,
    choose_progress,
    format_seconds,
)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def terminal(width=80):
    return Console(file=io.StringIO(), force_terminal=True, width=width, _environ={"TERM": "xterm"})


def run(progress, *, total=100):
    with progress.task(Task("features", total, unit="images")) as advance:
        for _ in range(total):
            advance(1)


def plain_lines(task, steps):
    """Return the lines of a step that advances by (seconds, units)."""
    lines, clock = [], Clock()
    with PlainProgress(lines.append, clock=clock).task(task) as advance:
        for seconds, amount in steps:
            clock.now += seconds
            advance(amount)
    return lines


def test_plain_writes_one_line_per_tenth():
    # 100 s in total, one tenth every 10 s
    lines = plain_lines(Task("f", 1000, unit="images"), [(0.1, 1)] * 1000)
    assert lines[0] == "f: 100/1000 images (10 images/s, 1 min 30 s left)"
    assert lines[-1] == "f: 1000/1000 images (10 images/s, 1 min 40 s)"
    assert len(lines) == 10


def test_plain_writes_one_line_for_a_fast_step():
    lines = plain_lines(Task("f", 10, unit="images"), [(0.1, 1)] * 10)
    assert lines == ["f: 10/10 images (10 images/s, 1.0 s)"]


@pytest.mark.parametrize(
    ("remark", "shown"), [("", ""), ("limited by reading", ", limited by reading")]
)
def test_a_remark_is_shown_beside_the_rate(remark, shown):
    task = Task("f", 10, unit="images", remark=lambda: remark)
    assert plain_lines(task, [(1, 10)]) == [f"f: 10/10 images (10 images/s, 1.0 s{shown})"]
    for width in (80, 120):  # a narrow terminal has no room for the remark
        console = terminal(width)
        with RichProgress(console).task(task) as advance:
            advance(10)
        assert ("reading" in console.file.getvalue()) == (width == 120 and bool(remark))


def test_units_that_took_work_before_the_step_count_as_computed():
    lines = follow([(1, 10, 1)] * 100, total=1000, n_cached=100, n_before=100)
    assert lines[-1] == "f: 1000/1000 images (9.0 images/s, 1 min 40 s)"
    lines = follow([(1, 10, 1)] * 100, total=1000, n_cached=100, n_before=40)
    assert lines[-1] == "f: 1000/1000 images (940 computed, 9.0 images/s, 1 min 40 s)"


def follow(steps, *, total, n_cached, n_before=0):
    """Return the lines of a step with cached units: (seconds, units, cached units)."""
    lines, clock = [], Clock()
    done = worked = 0

    def work():
        return worked, total - done - (n_cached - (done - worked))

    task = Task("f", total, unit="images", work=work, n_before=n_before)
    with PlainProgress(lines.append, clock=clock).task(task) as advance:
        for seconds, amount, cached in steps:
            clock.now += seconds
            done, worked = done + amount, worked + amount - cached
            advance(amount)
    return lines


def test_the_rate_excludes_units_cached_before_the_first_computed_unit():
    lines = follow([(3, 500, 500), *[(5, 20, 0)] * 25], total=1000, n_cached=500)
    assert lines[0] == "f: 500/1000 images"
    assert lines[1] == "f: 600/1000 images (4.0 images/s, 1 min 40 s left)"
    assert lines[-2] == "f: 900/1000 images (4.0 images/s, 25 s left)"
    assert lines[-1] == "f: 1000/1000 images (500 computed, 3.9 images/s, 2 min 08 s)"


def test_the_rate_excludes_cached_units_between_and_after_computed_units():
    lines = follow([(1, 10, 9)] * 100, total=1000, n_cached=900)
    assert lines[1] == "f: 200/1000 images (1.0 images/s, 1 min 20 s left)"
    assert lines[-2] == "f: 900/1000 images (1.0 images/s, 10 s left)"
    lines = follow([(1, 10, 0)] * 10 + [(0, 100, 100)] * 9, total=1000, n_cached=900)
    assert lines[0] == "f: 100/1000 images (10 images/s, 0.0 s left)"
    lines = follow([(0.5, 1000, 1000)], total=1000, n_cached=1000)
    assert lines == ["f: 1000/1000 images (0.5 s)"]


def test_the_time_left_is_estimated_from_the_recent_rate():
    steps = [(1, 10, 0)] * 40 + [(10, 10, 0)] * 60
    lines = follow(steps, total=1000, n_cached=0)
    assert lines[2] == "f: 300/1000 images (10 images/s, 1 min 10 s left)"
    assert lines[4] == "f: 500/1000 images (1.0 images/s, 8 min 20 s left)"


def test_the_rate_excludes_the_preparation_before_the_first_unit():
    lines = plain_lines(Task("f", 100, unit="images"), [(60, 0), (5, 50), (5, 50)])
    assert lines[0] == "f: 50/100 images (10 images/s, 5.0 s left)"


def test_plain_writes_nothing_for_a_step_that_raises():
    lines = []
    with (
        pytest.raises(ZeroDivisionError),
        PlainProgress(lines.append).task(Task("f", 10, unit="images")),
    ):
        raise ZeroDivisionError
    assert lines == []


def test_bars_show_the_rate_and_the_count():
    console = terminal()
    run(RichProgress(console))
    shown = console.file.getvalue()
    assert "features" in shown
    assert "100/100" in shown
    assert "images/s" in shown


@pytest.mark.parametrize("width", [20, 40])
def test_bars_fit_a_narrow_terminal(width):
    console = terminal(width)
    run(RichProgress(console))
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())
    lines = re.split(r"[\r\n]+", shown)
    assert any("features" in line for line in lines)
    assert max(map(len, lines)) <= width


def test_notes_are_written_without_markup():
    console, lines = terminal(), []
    RichProgress(console).note("[red] is a class")
    PlainProgress(lines.append).note("[red] is a class")
    SilentProgress().note("[red] is a class")
    assert console.file.getvalue() == "[red] is a class\n"
    assert lines == ["[red] is a class"]


def test_bars_are_chosen_only_for_a_terminal():
    assert isinstance(choose_progress(terminal()), RichProgress)
    log = Console(file=io.StringIO(), width=40)
    plain = choose_progress(log)
    assert isinstance(plain, PlainProgress)
    run(plain)
    plain.note("[red] " + "word " * 20)
    assert log.file.getvalue().count("\n") == 2  # the lines of a log are not wrapped


def test_silent_progress_prints_nothing(capsys):
    run(SilentProgress())
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"),
     (3599.6, "1 h 00 min"), (7800, "2 h 10 min")],
)  # fmt: skip
def test_format_seconds_chooses_the_units(seconds, words):
    assert format_seconds(seconds) == words


def test_a_stopwatch_records_only_finished_stages(monkeypatch):
    times = iter([1.0, 3.5, 10.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    watch = Stopwatch()
    with watch.stage("find"):
        pass
    with pytest.raises(KeyError), watch.stage("draw"):
        raise KeyError
    assert watch.timings_s == {"find": 2.5}
