import pytest

from rtmanager.adapters.image_user import numeric_owner, owner_from_files
from rtmanager.domain.errors import StartConfigInvalid

PASSWD = "root:x:0:0::/:/bin/sh\nengine:x:4243:4244::/:/bin/sh\nbroken\nodd:x:number:1::/:\n"
GROUP = "root:x:0:\nplayers:x:5000:engine,root\n"


@pytest.mark.parametrize(
    ("user", "owner"),
    [("", (0, 0)), ("1:2", (1, 2)), ("1", None), ("engine", None), ("1:players", None)],
)
def test_numbers_need_no_files(user: str, owner: tuple[int, int] | None) -> None:
    """A numeric user with a numeric group needs no lookup; no user means root."""
    assert numeric_owner(user) == owner


@pytest.mark.parametrize(
    ("user", "owner"),
    [
        ("engine", (4243, 4244)),
        ("4243", (4243, 4244)),
        ("99", (99, 0)),
        ("engine:players", (4243, 5000)),
        ("engine:77", (4243, 77)),
        ("99:players", (99, 5000)),
    ],
)
def test_names_are_found_in_the_files(user: str, owner: tuple[int, int]) -> None:
    """A named user has its own primary group unless another is given."""
    assert owner_from_files(user, PASSWD, GROUP) == owner


@pytest.mark.parametrize("user", ["nobody", "odd", "engine:nobodies", "engine:engine", ":"])
def test_an_unknown_name_is_a_configuration_fault(user: str) -> None:
    """A name that is missing from the files, or has no number there, is refused."""
    with pytest.raises(StartConfigInvalid, match="not in its /etc/"):
        owner_from_files(user, PASSWD, GROUP)
