import io

import pytest
from rich.console import Console

from featscape.progress import (
    PlainProgress,
    RichProgress,
    SilentProgress,
    Stopwatch,
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
    with progress.task("features", total=total, unit="images") as advance:
        for _ in range(total):
            advance(1)


def test_plain_lines_come_seldom():
    lines, clock = [], Clock()
    with PlainProgress(lines.append, clock=clock).task("f", total=1000, unit="images") as advance:
        for _ in range(1000):
            clock.now += 0.1  # 100 s in all, a tenth each 10 s
            advance(1)
    assert lines[0] == "f: 100/1000 images (10 images/s, 1 min 30 s left)"
    assert lines[-1] == "f: 1000/1000 images (10 images/s, 1 min 40 s)"
    assert len(lines) == 10


def test_plain_is_quick_about_a_quick_step():
    lines, clock = [], Clock()
    with PlainProgress(lines.append, clock=clock).task("f", total=10, unit="images") as advance:
        for _ in range(10):
            clock.now += 0.1
            advance(1)
    assert lines == ["f: 10/10 images (10 images/s, 1.0 s)"]


@pytest.mark.parametrize(
    ("said", "shown"), [("", ""), ("reading bounds it", ", reading bounds it")]
)
def test_a_step_may_say_what_bounds_it(said, shown):
    lines, clock = [], Clock()
    with PlainProgress(lines.append, clock=clock).task(
        "f", total=10, unit="images", remark=lambda: said
    ) as advance:
        clock.now += 1
        advance(10)
    assert lines == [f"f: 10/10 images (10 images/s, 1.0 s{shown})"]
    for width in (80, 120):  # on a narrow terminal it would be cut
        console = terminal(width)
        with RichProgress(console).task(
            "f", total=10, unit="images", remark=lambda: said
        ) as advance:
            advance(10)
        assert ("reading" in console.file.getvalue()) == (width == 120 and bool(said))


def follow(steps, *, total, n_known):
    """Return the lines of a step of which some units are known: (seconds, units, known units)."""
    lines, clock = [], Clock()
    done = worked = 0

    def work():
        return worked, total - done - (n_known - (done - worked))

    with PlainProgress(lines.append, clock=clock).task(
        "f", total=total, unit="images", work=work
    ) as advance:
        for seconds, amount, known in steps:
            clock.now += seconds
            done, worked = done + amount, worked + amount - known
            advance(amount)
    return lines


def test_what_is_known_beforehand_makes_no_pace():
    lines = follow([(3, 500, 500), *[(5, 20, 0)] * 25], total=1000, n_known=500)
    assert lines[0] == "f: 500/1000 images"
    assert lines[1] == "f: 600/1000 images (4.0 images/s, 1 min 40 s left)"
    assert lines[-2] == "f: 900/1000 images (4.0 images/s, 25 s left)"
    assert lines[-1] == "f: 1000/1000 images (3.9 images/s, 2 min 08 s)"


def test_what_is_known_between_or_at_the_end_makes_no_pace():
    lines = follow([(1, 10, 9)] * 100, total=1000, n_known=900)
    assert lines[1] == "f: 200/1000 images (1.0 images/s, 1 min 20 s left)"
    assert lines[-2] == "f: 900/1000 images (1.0 images/s, 10 s left)"
    lines = follow([(1, 10, 0)] * 10 + [(0, 100, 100)] * 9, total=1000, n_known=900)
    assert lines[0] == "f: 100/1000 images (10 images/s, 0.0 s left)"
    lines = follow([(0.5, 1000, 1000)], total=1000, n_known=1000)
    assert lines == ["f: 1000/1000 images (0.5 s)"]


def test_the_time_left_is_told_by_the_pace_of_late():
    steps = [(1, 10, 0)] * 40 + [(10, 10, 0)] * 60
    lines = follow(steps, total=1000, n_known=0)
    assert lines[2] == "f: 300/1000 images (10 images/s, 1 min 10 s left)"
    assert lines[4] == "f: 500/1000 images (1.0 images/s, 8 min 20 s left)"


def test_a_pace_begins_where_nothing_was_done_yet():
    lines, clock = [], Clock()
    with PlainProgress(lines.append, clock=clock).task("f", total=100, unit="images") as advance:
        clock.now += 60  # of preparation
        advance(0)
        clock.now += 5
        advance(50)
        clock.now += 5
        advance(50)
    assert lines[0] == "f: 50/100 images (10 images/s, 5.0 s left)"


def test_plain_says_nothing_of_a_step_that_failed():
    lines = []
    with (
        pytest.raises(ZeroDivisionError),
        PlainProgress(lines.append).task("f", total=10, unit="images"),
    ):
        raise ZeroDivisionError
    assert lines == []


def test_bars_show_rate_and_count():
    console = terminal()
    run(RichProgress(console))
    shown = console.file.getvalue()
    assert "features" in shown
    assert "100/100" in shown
    assert "images/s" in shown


@pytest.mark.parametrize("width", [20, 40])
def test_bars_on_a_narrow_terminal(width):
    run(RichProgress(terminal(width)))


def test_notes():
    console, lines = terminal(), []
    RichProgress(console).note("[red] is a class")
    PlainProgress(lines.append).note("[red] is a class")
    SilentProgress().note("[red] is a class")
    assert console.file.getvalue() == "[red] is a class\n"
    assert lines == ["[red] is a class"]


def test_bars_only_in_a_terminal():
    assert isinstance(choose_progress(terminal()), RichProgress)
    log = Console(file=io.StringIO(), width=40)
    plain = choose_progress(log)
    assert isinstance(plain, PlainProgress)
    run(plain)
    plain.note("[red] " + "word " * 20)
    assert log.file.getvalue().count("\n") == 2  # a log's lines are never folded


def test_silence(capsys):
    run(SilentProgress())
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"),
     (3599.6, "1 h 00 min"), (7800, "2 h 10 min")],
)  # fmt: skip
def test_seconds(seconds, words):
    assert format_seconds(seconds) == words


def test_a_stopwatch_notes_what_was_finished(monkeypatch):
    times = iter([1.0, 3.5, 10.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    watch = Stopwatch()
    with watch.stage("find"):
        pass
    with pytest.raises(KeyError), watch.stage("draw"):
        raise KeyError
    assert watch.timings_s == {"find": 2.5}
