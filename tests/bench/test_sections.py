"""Every part of the bench works, and measures what it says, with a wallet that is too small to say anything."""

import json
from io import StringIO
from xml.etree import ElementTree

import pytest
from rich.console import Console

from bench import __main__ as bench
from bench import commands, events, idle, latency, memory, peers, plot, sizes
from bench.section import Wanted

SIZE = 200


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    monkeypatch.setattr(commands, "RUNS_PER_ROUND", 1)
    monkeypatch.setattr(idle, "SECONDS", 0.2)
    monkeypatch.setattr(idle, "SETTLING", 0.1)
    monkeypatch.setattr(sizes, "DAYS", 2)
    monkeypatch.setattr(events, "COMMITS_PER_ROUND", 2)
    monkeypatch.setattr(latency, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(memory, "IDLE_SECONDS", 0.1)


@pytest.mark.parametrize("name", bench.SECTION_BY_NAME)
def test_a_section_gives_its_figures_as_a_table_and_as_json(name):
    figures = bench.SECTION_BY_NAME[name](Wanted([SIZE], 1))
    rows = json.loads(json.dumps(figures.data))
    assert rows
    for row in rows:
        assert all(value >= 0 for key, value in row.items() if key.endswith(("_s", "_bytes", "entities"))), row
    printed = StringIO()
    Console(file=printed, width=200).print(figures.table)
    assert figures.table.row_count


def test_dicts_and_json_merge_so_that_the_later_change_stays():
    mine, theirs = peers.PlainJson(1), peers.PlainJson(2)
    mine.put({"coin": "1", "tip": "1"})
    theirs.merge(mine.save())
    theirs.put({"coin": "2"})
    theirs.put({"coin": "3"})
    mine.put({"coin": "4"})
    mine.merge(theirs.save())
    theirs.merge(mine.save())
    assert mine.values() == theirs.values() == {"coin": "3", "tip": "1"}


def test_half_of_one_percent_changes_and_each_time_others():
    values = {f"{number}": "{}" for number in range(1000)}
    first, second = peers.changed(values, 0), peers.changed(values, 1)
    assert len(first) == len(second) == 5
    assert not first.keys() & second.keys()
    assert all(text.strip() == "{}" and text != "{}" for text in first.values())


def test_a_simulated_year_leaves_no_tombstones_behind():
    assert sizes.measure(SIZE, days=3).year_tombstones == 0


def test_the_plot_shows_each_measured_size_on_each_line():
    rows = [
        {"entities": size, "cycle_s": size / 1e5, "floor_s": size / 3e5, "idle_cycle_s": 1e-3}
        for size in (1000, 10_000, 100_000)
    ]
    drawing = ElementTree.fromstring(plot.draw(rows))
    assert len(drawing.findall("{*}polyline")) == 3
    assert len(drawing.findall("{*}circle")) == 9
    texts = [element.text for element in drawing.findall("{*}text")]
    assert "100,000" in texts
    assert "floor" in texts
