import pytest

from rtmanager.adapters.image_user import MAX_ID, numeric_owner, owner_from_files
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


HUGE = ["9" * 5000, str(MAX_ID + 1), str(2**32 - 1), str(2**64)]


@pytest.mark.parametrize("number", HUGE)
def test_a_number_that_is_no_id_is_a_configuration_fault(number: str) -> None:
    """Docker refuses such a user; as an owner, 2^32 - 1 would mean that nothing changes."""
    for user in (f"{number}:1", f"1:{number}"):
        with pytest.raises(StartConfigInvalid, match="expected one from 0 to 2147483647"):
            numeric_owner(user)
    for user in (number, f"1:{number}"):
        with pytest.raises(StartConfigInvalid, match="expected one from 0 to 2147483647"):
            owner_from_files(user, PASSWD, GROUP)


@pytest.mark.parametrize("number", HUGE)
def test_a_number_in_the_files_that_is_no_id_is_a_configuration_fault(number: str) -> None:
    """The files belong to the image as much as its USER."""
    passwd, group = f"engine:x:{number}:1\n", f"players:x:{number}:\n"
    with pytest.raises(StartConfigInvalid, match="expected one from 0 to 2147483647"):
        owner_from_files("engine", passwd, GROUP)
    with pytest.raises(StartConfigInvalid, match="expected one from 0 to 2147483647"):
        owner_from_files("engine", passwd.replace(f"{number}:1", f"1:{number}"), GROUP)
    with pytest.raises(StartConfigInvalid, match="expected one from 0 to 2147483647"):
        owner_from_files("1:players", PASSWD, group)


def test_the_largest_ids_are_accepted() -> None:
    """Leading zeros do not make a number larger."""
    assert numeric_owner(f"{MAX_ID}:{'0' * 5000}{MAX_ID}") == (MAX_ID, MAX_ID)


@pytest.mark.parametrize("user", ["-1", "0x10", "\u0661", "1e3", "\x1b[31m" * 100_000, "1:-1"])
def test_what_is_no_number_is_a_name(user: str) -> None:
    """Like any unknown name it is refused, in a message that is short and printable."""
    assert numeric_owner(user) is None

    with pytest.raises(StartConfigInvalid, match="not in its /etc/") as refused:
        owner_from_files(user, PASSWD, GROUP)

    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 600
