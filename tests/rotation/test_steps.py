"""What is done at an account that was left."""

import pytest

from daemon.rotation.judging import Verdict
from daemon.rotation.steps import Found, FoundNote, Phase, Step, next_step


def test_the_last_state_is_joined_before_the_note_takes_its_place():
    assert next_step(Phase.OPEN, Found.STATE) is Step.JOIN_AND_NOTE


def test_what_is_stored_over_the_note_is_not_joined():
    assert next_step(Phase.NOTED, Found.STATE) is Step.NOTE


@pytest.mark.parametrize("phase", Phase)
def test_an_account_without_state_gets_the_note(phase):
    assert next_step(phase, Found.NOTHING) is next_step(phase, Found.GARBAGE) is Step.NOTE


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("verdict", Verdict)
def test_the_note_that_belongs_there_is_left_alone(phase, verdict):
    assert next_step(phase, FoundNote(verdict, belongs=True)) is Step.REST


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("verdict", Verdict)
def test_another_note_is_replaced_unless_it_is_binding(phase, verdict):
    binding = verdict in {Verdict.FOLLOWABLE, Verdict.LEFT_OUT}
    assert next_step(phase, FoundNote(verdict, belongs=False)) is (Step.YIELD if binding else Step.NOTE)
