import pytest
from starlette.exceptions import HTTPException

from rtmanager.domain.errors import Conflict, DockerUnavailable, ErrorCode, RuntimeManagerError
from rtmanager.handlers.error_responses import STATUS_OF_CODE, answer_to
from rtmanager.handlers.strict_json import BodyTooLarge


class NameTaken(Conflict):
    """a foreign container holds the name."""


def test_port_errors_have_the_status_of_their_code() -> None:
    """A subclass of an error answers as the error does, with its own message."""
    answer = answer_to(NameTaken())

    assert (answer.status, answer.code) == (409, ErrorCode.CONFLICT)
    assert answer.message == "a foreign container holds the name"


def test_oversize_is_413() -> None:
    """Too large a body has its own status, but no code of its own."""
    answer = answer_to(BodyTooLarge())

    assert (answer.status, answer.code) == (413, ErrorCode.INVALID_REQUEST)


@pytest.mark.parametrize("error", [ValueError("dsn=secret"), HTTPException(500, "secret")])
def test_the_unforeseen_is_a_defect_that_says_nothing(error: Exception) -> None:
    """Whatever is not ours to explain is a 500 without details."""
    answer = answer_to(error)

    assert (answer.status, answer.code, answer.defect) == (500, ErrorCode.INTERNAL_ERROR, True)
    assert "secret" not in answer.message


def test_our_errors_are_no_defects() -> None:
    """An engine that is away is no reason for a traceback."""
    assert not answer_to(DockerUnavailable()).defect


def test_allowed_methods_come_in_order() -> None:
    """The router keeps them in a set; answers are the same every time."""
    answer = answer_to(HTTPException(405, headers={"Allow": "POST, GET, HEAD"}))

    assert answer.headers == ((b"allow", b"GET, HEAD, POST"),)


def test_words_of_the_framework_are_tamed() -> None:
    """What the framework quotes of a request is cut short and made printable."""
    answer = answer_to(HTTPException(422, "bad \ud800 " + "x" * 10_000 + "\nschema: ..."))

    assert (answer.status, answer.code) == (400, ErrorCode.INVALID_REQUEST)
    assert answer.message.startswith(r"bad \ud800 xxx")
    assert len(answer.message) < 500


def test_every_error_class_has_a_status() -> None:
    """No error of the domain can be raised that has no answer."""
    assert {each.code for each in RuntimeManagerError.__subclasses__()} <= STATUS_OF_CODE.keys()
