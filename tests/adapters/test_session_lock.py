"""One live session a data root at a time."""

import pytest

from daytrader_ray.adapters.session_lock import only_session, running
from daytrader_ray.domain.errors import BrokerError


def test_a_second_session_of_a_data_root_is_refused_in_plain_words_until_the_first_has_ended(tmp_path):
    assert running(tmp_path) == ""
    with only_session(tmp_path, "2025-12-01"):
        assert running(tmp_path) == "2025-12-01"
        with (
            pytest.raises(BrokerError, match="the session of 2025-12-01 runs with this data root already") as failure,
            only_session(tmp_path, "2025-12-02"),
        ):
            pass
        assert "wait for its end" in failure.value.hint
        assert running(tmp_path) == "2025-12-01"
        with only_session(tmp_path / "another", "2025-12-02"):
            assert running(tmp_path / "another") == "2025-12-02"
    assert running(tmp_path) == ""
    with only_session(tmp_path, "2025-12-02"):
        assert running(tmp_path) == "2025-12-02"
