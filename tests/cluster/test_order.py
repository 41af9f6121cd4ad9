from daytrader_ray.cluster.fit_jobs import Counts, Job
from daytrader_ray.cluster.fits import longest_first
from daytrader_ray.walkforward.windows import folds_of, training_window

WINDOW = training_window((0, 20))


def job(member: str, n: int, n_folds: int = 0) -> Job:
    sights = tuple((window, "view") for window in (WINDOW, *folds_of(WINDOW, n_folds)))
    return Job(member, sights, f"{n}.parquet", {})


def test_the_member_that_took_longest_goes_first_and_an_unknown_one_before_it() -> None:
    seconds: dict[str, float] = {}
    order = longest_first([job(name, n) for n in range(3) for name in ("quick", "slow")], seconds, ())
    first = [next(order).member, next(order).member]
    seconds |= {"quick": 1.0}
    first.append(next(order).member)
    seconds |= {"slow": 5.0}
    assert first == ["quick", "slow", "slow"]
    assert [one.member for one in order] == ["slow", "quick", "quick"]


def test_every_job_comes_once() -> None:
    jobs = [job(name, n) for n in range(4) for name in ("a", "b")]
    assert sorted(one.path for one in longest_first(jobs, {"a": 1.0}, ())) == sorted(one.path for one in jobs)


def test_folds_are_counted_as_the_fits_they_are() -> None:
    assert Counts.of([job("lstm", 0), job("cnn", 1, n_folds=5), job("boosting", 2)]) == Counts(1 + 6, 1)


def test_a_fit_waits_for_the_state_that_it_begins_with() -> None:
    written = set[str]()
    chain = [Job("lstm", (), f"{k}", {}, state=f"{k}", after=f"{k - 1}" if k else None) for k in range(2)]
    order = longest_first([*chain, job("cnn", 0)], {"lstm": 9.0, "cnn": 1.0}, written)
    assert [one and one.path for one in (next(order), next(order), next(order))] == ["0", "0.parquet", None]
    written.add("0")
    assert [one and one.path for one in order] == ["1"]
