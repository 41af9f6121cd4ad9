"""What `daytrader backtest` prints: nothing without what it proves."""

import orjson
import pytest

from daytrader_ray.analytics.measure import measure
from daytrader_ray.cli.backtest_cmd import show
from daytrader_ray.cluster.backtest import Backtested
from tests.dashboard.runs import made_run


@pytest.fixture(scope="module")
def done() -> Backtested:
    run = made_run(140, 4)
    return Backtested(run, measure(run))


def test_the_notices_and_the_verdict_are_printed_before_any_figure_with_its_interval(
    done: Backtested, capsys: pytest.CaptureFixture[str]
) -> None:
    show(done)
    told = capsys.readouterr().err
    made, found = done.metrics["total_return"], done.verdict.sentence
    assert told.index(done.run.manifest.notices[0]) < told.index(found) < told.index("Sharpe ratio a year")
    assert "after selection, not corrected" in found
    assert f"{made.value:+.2%}" in told and f"[{made.low:+.2%}, {made.high:+.2%}]" in told


def test_a_few_sessions_are_too_short_and_have_no_figures_a_year(capsys: pytest.CaptureFixture[str]) -> None:
    run = made_run(1, 4)
    show(Backtested(run, measure(run)))
    lines = capsys.readouterr().err.splitlines()
    assert any(line.startswith("Too short: 1 day") for line in lines)
    assert [line.split()[-1] for line in lines if "Sharpe ratio a year" in line] == ["-"]


def test_the_verdict_is_part_of_what_json_says(done: Backtested) -> None:
    told = orjson.loads(orjson.dumps(done.summary()))
    assert (told["verdict"], told["sentence"]) == (done.verdict.label, done.verdict.sentence)
    assert told["notices"] == list(done.run.manifest.notices)
