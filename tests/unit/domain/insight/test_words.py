"""The words of sentences for operators."""

import pytest

from rtmanager.domain.insight.words import doing
from rtmanager.domain.operation import Action, ActionName, StepResult
from tests.builders import make_step


@pytest.mark.parametrize("name", ActionName)
def test_every_action_has_words_of_its_own(name: ActionName) -> None:
    """Nobody has to know the names that actions have in the operation log."""
    said = doing(make_step(action=Action(name), result=None))

    assert len(said.split()) > 1
    assert said != name.replace("_", " ")


def test_a_pull_says_how_far_it_is() -> None:
    """Until it is done: then it says what was done."""
    action, note = Action(ActionName.OBTAIN_IMAGE), "pulling galaxy/game:1.4.8: 3 of 7 layers"

    assert doing(make_step(action=action, result=None, note=note)) == note
    done = make_step(action=action, result=StepResult.DONE, note=note)
    assert doing(done) == "obtaining the image"
