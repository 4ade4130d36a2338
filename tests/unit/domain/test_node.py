import pytest

from rtmanager.domain.node import NodeId, Placement


@pytest.mark.parametrize(
    ("name", "named"), [("rack-1", "rack-1"), ("a; reboot", "n1"), ("-h", "n1"), ("", "n1")]
)
def test_advice_names_a_node_as_a_command_can(name: str, named: str) -> None:
    """Whoever named the machine is not to write commands for operators."""
    words = Placement(node=NodeId("n1"), name=name, is_down=True).down_words

    assert words.endswith(f"rtmanager node lost {named}")
