"""The state tables: every state takes every input, and what the tables say is what RFC 3261 means."""

from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.dialog import DIALOG_TABLE, Dialog, DialogInput, DialogState
from monitor.core.machine import walk
from monitor.core.message import message_of
from monitor.core.registration import OUTCOME_TABLE, RegistrationInput
from monitor.core.transaction import INVITE_TABLE, NON_INVITE_TABLE, Input, State, Transaction
from monitor.core.updates import RegistrationOutcome
from tests.support.messages import request, response, us

NON_INVITE_STATES = (State.CALLING, State.PROCEEDING, State.COMPLETED)
NON_INVITE_INPUTS = (Input.REQUEST, Input.PROVISIONAL, Input.SUCCESS, Input.FAILURE)


@given(st.sampled_from(list(State)), st.sampled_from(list(Input)))
def test_an_invite_transaction_takes_every_input_in_every_state(state: State, message: Input) -> None:
    after, anomaly = INVITE_TABLE[state, message]
    # A final response is never taken back, and a 2xx outranks every failure (RFC 6026).
    assert after >= state or (state > State.ACCEPTED and after == State.ACCEPTED)
    assert (anomaly != "") == (state >= State.ACCEPTED and message == Input.PROVISIONAL) or message in (
        Input.SUCCESS,
        Input.FAILURE,
    )


@given(st.sampled_from(NON_INVITE_STATES), st.sampled_from(NON_INVITE_INPUTS))
def test_any_other_transaction_takes_every_input_in_every_state(state: State, message: Input) -> None:
    after, anomaly = NON_INVITE_TABLE[state, message]
    assert after >= state
    assert after in NON_INVITE_STATES
    assert (anomaly != "") == (state == State.COMPLETED and message == Input.PROVISIONAL)


@given(st.sampled_from(list(DialogState)), st.sampled_from(list(DialogInput)))
def test_a_dialog_takes_every_input_in_every_state(state: DialogState, message: DialogInput) -> None:
    after = DIALOG_TABLE[state, message]
    assert after >= state
    assert DIALOG_TABLE[after, message] == after


@given(
    st.permutations([*DialogInput, *DialogInput]).flatmap(lambda order: st.sampled_from([order[:n] for n in range(9)]))
)
def test_a_dialog_ends_in_one_state_whatever_the_order(inputs: list[DialogInput]) -> None:
    def end(order: list[DialogInput]) -> DialogState:
        state = DialogState.EARLY
        for message in order:
            state = DIALOG_TABLE[state, message]
        return state

    assert end(inputs) == end(sorted(inputs)) == end(sorted(inputs, reverse=True))


@given(st.sampled_from(list(RegistrationOutcome)), st.sampled_from(list(RegistrationInput)))
def test_a_registration_takes_every_input_in_every_outcome(
    outcome: RegistrationOutcome, message: RegistrationInput
) -> None:
    after = OUTCOME_TABLE[outcome, message]
    if message <= RegistrationInput.REFUSAL:  # a final response decides, whatever was before
        assert len({OUTCOME_TABLE[before, message] for before in RegistrationOutcome}) == 1
    else:  # silence and expiry only end what waits for them
        assert after in (outcome, RegistrationOutcome.UNANSWERED, RegistrationOutcome.EXPIRED)


def test_the_tables_hold_nothing_else() -> None:
    assert set(INVITE_TABLE) == set(product(State, Input))
    assert set(NON_INVITE_TABLE) == set(product(NON_INVITE_STATES, NON_INVITE_INPUTS))
    assert set(DIALOG_TABLE) == set(product(DialogState, DialogInput))
    assert set(OUTCOME_TABLE) == set(product(RegistrationOutcome, RegistrationInput))


@pytest.mark.parametrize(
    ("inputs", "state", "anomalies"),
    [
        ([Input.REQUEST], State.CALLING, []),
        ([Input.REQUEST, Input.PROVISIONAL], State.PROCEEDING, []),
        ([Input.REQUEST, Input.PROVISIONAL, Input.SUCCESS], State.ACCEPTED, []),
        ([Input.REQUEST, Input.FAILURE], State.COMPLETED, []),
        ([Input.REQUEST, Input.FAILURE, Input.ACK], State.CONFIRMED, []),
        ([Input.REQUEST, Input.FAILURE, Input.ACK, Input.SUCCESS], State.ACCEPTED, ["2xx-after-failure"]),
        (
            [Input.SUCCESS, Input.FAILURE, Input.PROVISIONAL],
            State.ACCEPTED,
            ["failure-after-2xx", "provisional-after-final"],
        ),
    ],
)
def test_a_walk_steps_in_the_order_of_the_wire(inputs: list[Input], state: State, anomalies: list[str]) -> None:
    seen = list(enumerate(inputs))
    assert walk(INVITE_TABLE, State.CALLING, seen) == (state, anomalies)
    assert walk(INVITE_TABLE, State.CALLING, reversed(seen)) == (state, anomalies)


def test_of_two_inputs_at_one_time_the_lower_comes_first() -> None:
    assert walk(INVITE_TABLE, State.CALLING, [(5, Input.SUCCESS), (5, Input.PROVISIONAL)]) == (State.ACCEPTED, [])


@pytest.mark.parametrize("order", list(permutations([(100, 0.1), (180, 3.0), (486, 2.0), (486, 2.5)])))
def test_a_transaction_knows_its_anomalies_whatever_the_order_of_arrival(order: list[tuple[int, float]]) -> None:
    invite = message_of(request("INVITE", 0))
    transaction = Transaction(invite, "INVITE")
    transaction.sent(invite, 1)
    transaction.acknowledged(message_of(request("ACK", 2.6, to_tag="b")))
    for number, (status, at) in enumerate(order, 2):
        transaction.answered(message_of(response(status, at)), number)
    assert (transaction.final_status, transaction.final_us) == (486, us(2))
    assert transaction.irregular
    assert transaction.anomalies() == ["provisional-after-final"]


def test_a_dialog_remembers_who_hung_up_first() -> None:
    dialog = Dialog("a", "b")
    dialog.answered(200, DialogInput.SUCCESS)
    dialog.answered(100, DialogInput.SUCCESS)
    for number, (at, tag) in enumerate(((9, "a"), (8, "b"), (10, "a"))):
        dialog.hung_up(message_of(request("BYE", at, from_tag=tag)), number)
    assert (dialog.state, dialog.answered_us, dialog.bye_tag, dialog.bye_number) == (
        DialogState.TERMINATED,
        100,
        "b",
        1,
    )
