from benchmarks.registry import BENCHMARKS, Result, bounded, compared
from benchmarks.run import discover, known, main, write


def test_benchmarks_are_found_by_their_decorator():
    discover()
    assert "features.vs_talib" in BENCHMARKS


def test_running_one_benchmark_keeps_the_other_lines(tmp_path):
    path = tmp_path / "results.json"
    write({"b": Result("b", 2.0, "s", "", None, None, 0.0, 1)}, path)
    write(known(path) | {"a": Result("a", 1.0, "s", "", None, None, 0.0, 1)}, path)
    assert list(known(path)) == ["a", "b"]


def test_a_comparison_is_of_medians():
    line = compared("x", "s", "peer", [1.0, 3.0, 2.0], [4.0, 4.0, 5.0])
    assert (line.value, line.peer_value, line.ratio, line.spread, line.runs) == (2.0, 4.0, 0.5, 1.0, 3)


def test_a_missed_bound_ends_with_1_and_keeps_what_was_measured(tmp_path, monkeypatch, capsys):
    path, line = tmp_path / "results.json", Result("a", 1.0, "s", "", None, None, 0.0, 1)
    monkeypatch.setitem(BENCHMARKS, "a", lambda: bounded([line], ["1.0 s: over 0.5"]))
    assert main(["a"], path) == 1
    assert known(path) == {"a": line}
    assert "missed: 1.0 s: over 0.5" in capsys.readouterr().out


def test_a_kept_bound_is_no_failure():
    assert bounded([], []) == []


def test_an_unknown_benchmark_is_wrong_usage(capsys):
    assert main(["nothing.such"]) == 2
    assert "features.vs_talib" in capsys.readouterr().err
