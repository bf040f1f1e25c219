"""What is shown while work lasts: rates, a count after two seconds, and a line a minute in logs."""

import io

import pytest
from rich.console import Console

from handbone.core import progress


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass with each item that is taken."""

    class Clock:
        now = 0.0

        def items(self, count, seconds):
            for number in range(count):
                self.now += seconds
                yield number

    clock = Clock()
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock.now)
    return clock


def said(monkeypatch, *, terminal):
    text = io.StringIO()
    monkeypatch.setattr(progress, "console", Console(file=text, force_terminal=terminal, width=100))
    return text


def test_rates_are_said_in_the_larger_number():
    assert [progress.rate(each) for each in (20.04, 1.5, 0.5, 0.01, None, 0)] == [
        "20.0/s",
        "1.5/s",
        "2.0 s each",
        "100.0 s each",
        "",
        "",
    ]


def test_a_log_gets_a_line_a_minute(clock, monkeypatch):
    text = said(monkeypatch, terminal=False)
    assert list(progress.track(clock.items(100, 8.0), "Outlining bones", total=100)) == list(range(100))
    lines = text.getvalue().splitlines()
    assert lines[0] == "Outlining bones: 8 of 100, 8.0 s each, 0:12:16 left" and len(lines) == 12


def test_a_log_says_the_note_of_its_moment(clock, monkeypatch):
    text, losses = said(monkeypatch, terminal=False), []
    for number in progress.track(clock.items(100, 8.0), "Learning", total=100, note=lambda: f"loss {losses[-1]:.2f}"):
        losses.append(number / 100)
    assert text.getvalue().splitlines()[0] == "Learning: 8 of 100, loss 0.07, 8.0 s each, 0:12:16 left"


def test_a_log_of_short_work_stays_empty(clock, monkeypatch):
    text = said(monkeypatch, terminal=False)
    assert list(progress.track(clock.items(5, 8.0), "Outlining bones", total=5)) and not text.getvalue()


@pytest.mark.parametrize(("seconds", "shown"), [(0.1, False), (0.7, True)])
def test_a_search_is_counted_once_it_takes_long(clock, monkeypatch, seconds, shown):
    text = said(monkeypatch, terminal=True)
    assert len(list(progress.counted(clock.items(10, seconds), "Searching:"))) == 10
    assert ("Searching: 10" in text.getvalue()) is shown


def test_a_search_in_a_pipe_says_nothing(clock, monkeypatch):
    text = said(monkeypatch, terminal=False)
    assert len(list(progress.counted(clock.items(10, 1.0), "Searching:"))) == 10 and not text.getvalue()
