"""The short form of the bench that every change has to pass."""

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from bench import check

BASELINE = {"cycle / floor": 2.0, "status / echo": 1.5}


class Measuring:
    """Gives one result after the other."""

    def __init__(self, *results: dict[str, float]) -> None:
        self._results = iter(results)
        self.count = 0

    def __call__(self) -> check.Ratios:
        self.count += 1
        return next(self._results)


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    path = tmp_path / "baseline.json"
    path.write_bytes(msgspec.json.encode(BASELINE))
    return path


def checked(monkeypatch: pytest.MonkeyPatch, baseline: Path, measure: Measuring, *options: str) -> tuple[int, str]:
    """Run the check with these measurements; return the exit code and what it printed."""
    monkeypatch.setattr(check, "measure", measure)
    done = CliRunner().invoke(check.main, ["--baseline", str(baseline), *options], catch_exceptions=False)
    return done.exit_code, done.output


def test_a_ratio_that_got_worse_by_more_than_half_in_every_run_fails_and_is_named(monkeypatch, baseline):
    measure = Measuring(*[{"cycle / floor": 3.1, "status / echo": 1.5}] * check.RUNS)
    code, output = checked(monkeypatch, baseline, measure)
    assert code == 1
    assert "unknown to it: cycle / floor\n" in output
    assert measure.count == check.RUNS


def test_a_ratio_that_got_a_little_worse_passes_at_once(monkeypatch, baseline):
    measure = Measuring({"cycle / floor": 2.9, "status / echo": 1.5})
    assert checked(monkeypatch, baseline, measure)[0] == 0
    assert measure.count == 1


def test_the_best_of_several_runs_counts_for_each_ratio_by_itself(monkeypatch, baseline):
    measure = Measuring({"cycle / floor": 9.0, "status / echo": 1.5}, {"cycle / floor": 2.0, "status / echo": 9.0})
    assert checked(monkeypatch, baseline, measure)[0] == 0
    assert measure.count == 2


def test_a_ratio_that_the_baseline_does_not_know_fails(monkeypatch, baseline):
    measure = Measuring(*[{**BASELINE, "news": 1.0}] * check.RUNS)
    code, output = checked(monkeypatch, baseline, measure)
    assert code == 1
    assert "unknown to it: news\n" in output


def test_a_ratio_that_got_much_better_asks_for_a_new_baseline(monkeypatch, baseline):
    code, output = checked(monkeypatch, baseline, Measuring({"cycle / floor": 1.0, "status / echo": 1.5}))
    assert code == 0
    assert "make the baseline anew" in output


def test_writing_the_baseline_keeps_the_best_of_all_runs(monkeypatch, baseline):
    runs = [{"cycle / floor": 2.0 + number, "status / echo": 9.0 - number} for number in range(check.RUNS)]
    assert checked(monkeypatch, baseline, Measuring(*runs), "--write")[0] == 0
    assert msgspec.json.decode(baseline.read_bytes()) == {"cycle / floor": 2.0, "status / echo": 10.0 - check.RUNS}


def test_the_committed_baseline_knows_what_is_measured_and_a_slower_daemon_fails_against_it(monkeypatch, tmp_path):
    monkeypatch.setattr(check, "SMALL", 200)
    monkeypatch.setattr(check, "LARGE", 400)
    monkeypatch.setattr(check, "ROUNDS", 1)
    monkeypatch.setattr(check, "IDLE_SECONDS", 0.2)
    measured = check.measure()
    assert len(measured) == len(msgspec.json.decode(check.BASELINE.read_bytes()))
    assert check.worse(measured, measured) == []
    much_faster = {name: value / 2 for name, value in measured.items()}
    assert check.worse(measured, much_faster) == list(measured)
