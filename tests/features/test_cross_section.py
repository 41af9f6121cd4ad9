"""The minute's slice: who is compared with whom, and the same bits for all symbols at once or a few at a time."""

import numpy as np
import pytest

from daytrader_ray.domain.peers import Peers
from daytrader_ray.features.bar import Calendar
from daytrader_ray.features.compute import compare, crowd_of
from daytrader_ray.features.kernels import cross_section
from daytrader_ray.features.step import CROSS_SECTION, NAMES

OWN = [name.removeprefix("cross_section.") for name in NAMES[CROSS_SECTION:]]


def calendar_of(n_rows, n_sessions=1):
    session = np.repeat(np.arange(n_sessions), n_rows // n_sessions)
    nothing = np.zeros(n_rows, dtype=np.int64)
    return Calendar(nothing, nothing, nothing, session, 1)


def compared(cross, peers, columns=None, state=None):
    n_sessions = 1 if peers is None else len(peers.member)
    crowd = crowd_of(cross.shape[1], n_sessions, peers, columns)
    state = np.zeros((len(crowd.columns), cross_section.STATE)) if state is None else state
    return compare(state, calendar_of(len(cross), n_sessions), cross, crowd)


def minute(inputs, **changes):
    """Features by name `[symbol]` of one minute: four members of one sector, SPY and a fund that stands for nobody."""
    peers = {"spy": 4, "qqq": -1, "sector": [0, 0, 0, 0, -1, -1], "proxy": [-1] * 6, "member": [[1, 1, 1, 1, 0, 0]]}
    peers |= changes
    sector, proxy = (np.array(peers[name]) for name in ("sector", "proxy"))
    one = Peers(peers["spy"], peers["qqq"], sector, proxy, np.array(peers["member"], dtype=bool))
    values = compared(np.array(inputs, dtype=float)[None, :, None].repeat(5, axis=2), one)[0]
    return {name: values[:, k].tolist() for k, name in enumerate(OWN)}


def test_ranks_go_from_lowest_to_highest_and_ties_share_their_middle():
    found = minute([0.3, -0.1, 0.0, 0.7, 9.0, -9.0])
    assert found["rank_return_15"][:4] == pytest.approx([1 / 3, -1, -1 / 3, 1])
    assert minute([0.0, 0.0, 0.2, 0.0, 1.0, 1.0])["rank_volume"][:4] == pytest.approx([-1 / 3, -1 / 3, 1, -1 / 3])
    assert minute([0.0] * 6)["rank_return_5"][:4] == [0.0] * 4


def test_what_differs_by_rounding_alone_is_a_tie():
    assert minute([1e-17, 0.0, -1e-17, 0.0, 0.0, 0.0])["rank_return_5"][:4] == [0.0] * 4


def test_only_members_are_ranked_and_who_has_no_value_is_left_out():
    found = minute([0.3, -0.1, np.nan, 0.7, 9.0, -9.0], member=[[1, 1, 1, 0, 0, 0]])
    assert found["rank_return_15"][:2] == [1.0, -1.0]
    assert np.isnan(found["rank_return_15"][2:]).all()
    alone = minute([0.3, np.nan, np.nan, np.nan, 0.1, 0.1])
    assert np.isnan(alone["rank_return_15"]).all() and np.isnan(alone["excess_sector_15"]).all()
    assert alone["excess_spy_15"][0] == pytest.approx(0.2)


def test_without_an_etf_the_sector_is_its_other_members():
    found = minute([0.3, -0.1, 0.1, 0.7, 0.5, 0.0], member=[[1, 1, 1, 0, 0, 0]])
    expected = [0.3 - 0.0, -0.1 - 0.2, 0.1 - 0.1, 0.7 - 0.1]
    assert found["excess_sector_5"][:4] == pytest.approx(expected, abs=1e-7), "a member leaves itself out"
    assert np.isnan(found["excess_sector_5"][4:]).all(), "references have no sector"


def test_with_an_etf_the_sector_is_the_etf():
    found = minute([0.3, -0.1, 0.1, 0.7, 0.5, 0.2], proxy=[5, 5, 5, 5, -1, -1])
    assert found["excess_sector_30"][:4] == pytest.approx([0.1, -0.3, -0.1, 0.5], abs=1e-7)
    gone = minute([0.3, -0.1, 0.1, 0.7, 0.5, np.nan], proxy=[5, 5, 5, 5, -1, -1])
    assert np.isnan(gone["excess_sector_30"]).all()


def test_without_peers_or_references_nothing_is_compared():
    assert np.isnan(compared(np.ones((3, 4, 5)), None)).all()
    found = minute([0.3, -0.1, 0.1, 0.7, 0.5, 0.2], spy=-1)
    assert np.isnan(found["excess_spy_5"] + found["excess_qqq_5"] + found["beta_spy_390"]).all()


@pytest.fixture(scope="module")
def market():
    """Nine symbols over two sessions of 4000 minutes, with gaps, late listings and changing members."""
    rng = np.random.default_rng(3)
    cross = rng.normal(0, 1e-3, (8000, 9, 5)) + rng.normal(0, 1e-3, (8000, 1, 5))
    cross[rng.random((8000, 9)) < 0.02] = np.nan
    cross[:900, 3, 1:4] = np.nan
    cross[:500, 4] = np.nan
    cross[rng.random(cross.shape) < 0.2] = 0.0
    sector = np.array([0, 0, 0, 1, 1, 1, 2, -1, -1])
    proxy = np.where(sector == 1, 8, -1)
    member = np.array([[1, 1, 0, 1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 1, 1, 1, 0, 0]], dtype=bool)
    return cross, Peers(7, 8, sector, proxy, member)


@pytest.fixture(scope="module")
def whole(market):
    return compared(*market)


@pytest.mark.parametrize("columns", [[4], [0, 8], [6, 2, 3], list(range(9))])
def test_a_group_of_symbols_gets_the_bits_of_all(columns, market, whole):
    assert compared(*market, np.array(columns)).tobytes() == whole[:, columns].tobytes()


@pytest.mark.parametrize("row", [1, 499, 4000, 7999])
def test_two_parts_of_a_history_give_the_bits_of_one(row, market, whole):
    cross, peers = market
    crowd, calendar = crowd_of(9, 2, peers), calendar_of(8000, 2)
    state, found = np.zeros((9, cross_section.STATE)), []
    for part in (slice(0, row), slice(row, None)):
        days = calendar._replace(session=calendar.session[part])
        found.append(compare(state, days, cross[part], crowd))
        state = state.copy()
    assert np.concatenate(found).tobytes() == whole.tobytes()


def test_spy_has_a_beta_of_one_to_itself_once_it_is_warm(whole):
    beta = whole[:, 7, OWN.index("beta_spy_390")]
    assert np.flatnonzero(np.isfinite(beta))[0] >= cross_section.WARM_UP - 1
    assert set(beta[np.isfinite(beta)]) == {1.0}


def test_beta_and_correlation_wait_for_bars_in_common(market):
    cross, peers = market[0].copy(), market[1]
    cross[:4000, 7] = np.nan
    late = compared(cross, peers)[:, 0, OWN.index("beta_spy_390")]
    n_common = np.cumsum(np.isfinite(cross[:, 0, 0]) & np.isfinite(cross[:, 7, 0]))
    warm = (n_common >= cross_section.WARM_UP) & np.isfinite(cross[:, 0, 0])
    assert warm.any() and (np.isfinite(late) == warm).all()


def test_a_market_that_never_moved_has_no_beta():
    still = np.zeros((cross_section.WARM_UP + 5, 6, 5))
    peers = Peers(4, 5, np.array([0, 0, 0, 0, -1, -1]), np.full(6, -1), np.array([[1, 1, 1, 1, 0, 0]], dtype=bool))
    last = dict(zip(OWN, compared(still, peers)[-1, 0].tolist(), strict=True))
    assert np.isnan([last.pop("beta_spy_390"), last.pop("correlation_sector_390")]).all()
    assert set(last.values()) == {0.0}
