import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytrader_ray.domain.errors import BrokerError
from daytrader_ray.execution.states import TERMINAL, TRANSITIONS, OrderState, transition


def test_an_order_goes_from_sent_over_partly_filled_to_filled():
    state = OrderState.SENT
    for event, expected in (("new", "working"), ("partial_fill", "partly_filled"), ("fill", "filled")):
        state = transition(state, event, "id")
        assert state == expected


def test_the_rest_of_a_partly_filled_order_can_be_canceled():
    assert transition(OrderState.PARTLY_FILLED, "canceled", "id") is OrderState.CANCELED


def test_a_fill_may_overtake_the_answer_to_the_post():
    assert transition(OrderState.SENT, "fill", "id") is OrderState.FILLED
    assert transition(OrderState.FILLED, "new", "id") is OrderState.FILLED


def test_an_order_of_unknown_fate_is_known_again_when_the_venue_reports_it():
    assert transition(transition(OrderState.SENT, "lost", "id"), "new", "id") is OrderState.WORKING


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_a_closed_order_refuses_every_execution(state):
    for event in ("fill", "partial_fill", "canceled"):
        with pytest.raises(BrokerError, match=f"order abc: event '{event}' cannot follow state '{state}'"):
            transition(state, event, "abc")


@given(st.lists(st.sampled_from(sorted({event for _, event in TRANSITIONS})), max_size=12))
def test_no_sequence_of_events_leaves_a_terminal_state(events):
    state = OrderState.SENT
    for event in events:
        before = state
        try:
            state = transition(state, event, "id")
        except BrokerError:
            continue
        assert before not in TERMINAL or state is before
