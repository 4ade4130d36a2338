from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmanager.domain.allowed_images import ALL_IMAGES, SETTING, AllowedImages, ImagePattern
from rtmanager.domain.errors import StartConfigInvalid
from rtmanager.domain.image_ref import ImageRef

DIGEST = f"sha256:{'a1' * 32}"
OTHER_DIGEST = f"sha256:{'b2' * 32}"


def matches(pattern: str, reference: str) -> bool:
    """Return whether the pattern matches the reference."""
    return ImagePattern.parse(pattern).matches(ImageRef.parse(reference))


@pytest.mark.parametrize(
    ("pattern", "reference"),
    [
        ("busybox", "busybox"),
        ("busybox", "docker.io/library/busybox:1.36"),
        ("docker.io/library/busybox", "index.docker.io/busybox"),
        ("galaxy/*", "docker.io/galaxy/game:1.4.7"),
        ("galaxy/*", "galaxy/game/chess:1.4.7"),
        ("galaxy/game-*", "galaxy/game-chess"),
        ("galaxy/game*", "galaxy/game"),
        ("docker.io/*/game", "someone/game"),
        ("docker.io/*", "busybox"),
        ("docker.io/*", "galaxy/game"),
        ("reg.test:5000/*", "reg.test:5000/a/b/c@" + DIGEST),
        ("reg.test/galaxy/*/engine", "reg.test/galaxy/chess/engine:2"),
        ("[::1]:5000/game", "[::1]:5000/game:1"),
        ("galaxy/game:1.*", "galaxy/game:1.4.7"),
        ("galaxy/*:1.4.*", "galaxy/game:1.4.7"),
        ("galaxy/game:latest", "galaxy/game"),
        (f"galaxy/game@{DIGEST}", f"galaxy/game:1.4.7@{DIGEST}"),
    ],
)
def test_pattern_that_matches(pattern: str, reference: str) -> None:
    """Patterns are completed as references are, and a * stands for the rest of its part."""
    assert matches(pattern, reference)


@pytest.mark.parametrize(
    ("pattern", "reference"),
    [
        ("busybox", "someone/busybox"),
        ("galaxy/*", "reg.test/galaxy/game"),
        ("galaxy/*", "galaxy2/game"),
        ("galaxy/*", "evil/galaxy/game"),
        ("galaxy/game", "galaxy/game2"),
        ("galaxy/game", "galaxy/game/x"),
        ("galaxy/game-*", "galaxy/game-a/evil"),
        ("docker.io/*/game", "a/b/game"),
        ("library/*", "galaxy/game"),
        ("reg.test/galaxy/*", "reg.test.evil.test/galaxy/game"),
        ("reg.test/galaxy/*", "reg.test:5000/galaxy/game"),
        ("reg.test/galaxy/*", "REG.TEST/galaxy/game"),
        ("reg.test/galaxy/*", "reg.test/galaxy"),
        ("galaxy/game:1.*", "galaxy/game:2.0.0"),
        ("galaxy/game:1.*", f"galaxy/game:1.4.7@{DIGEST}"),
        ("galaxy/game:1.*", "galaxy/game"),
        (f"galaxy/game@{DIGEST}", "galaxy/game:1.4.7"),
        (f"galaxy/game@{DIGEST}", f"galaxy/game@{OTHER_DIGEST}"),
    ],
)
def test_pattern_that_does_not_match(pattern: str, reference: str) -> None:
    """No * reaches beyond its component, none stands in a host; a digest beats its tag."""
    assert not matches(pattern, reference)


@pytest.mark.parametrize(
    "text", ["", "*", "*:1", "*.example.org/game", "*:5000/game", "a b", "Game", "game?", "a//b"]
)
def test_text_that_is_no_pattern(text: str) -> None:
    """A lone * could mean all of a registry or all images; an empty list means all."""
    with pytest.raises(ValueError, match=r"is not a pattern|\* in the registry's host"):
        ImagePattern.parse(text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("**", r"\*\*"),
        ("galaxy/**", r"\*\*"),
        ("galaxy/game:1.**", r"\*\*"),
        ("*/game", "begin it with docker.io"),
        ("*/*", "begin it with docker.io"),
        ("GALAXY/*", "upper case"),
        ("Galaxy/game:1.4.7", "upper case"),
    ],
)
def test_pattern_that_means_something_else_than_it_seems(text: str, fault: str) -> None:
    """Each would be valid, and would allow the wrong images, or none that the operator meant."""
    with pytest.raises(ValueError, match=fault):
        ImagePattern.parse(text)


@given(st.text("a*/.:@-", max_size=12))
def test_any_text_parses_or_is_refused(text: str) -> None:
    """Parsing raises nothing but ValueError."""
    with suppress(ValueError):
        assert ImagePattern.parse(text).text == text


def test_pattern_of_many_stars_is_matched_in_no_time() -> None:
    """A caller chooses the name: no name makes a pattern backtrack."""
    assert not matches("a*" * 100 + "b", "a" * 255)


def test_empty_list_allows_everything() -> None:
    """Nothing is checked then, not even that the reference can be read."""
    for text in ("galaxy/game", "no reference", None):
        ALL_IMAGES.check(text)


@pytest.mark.parametrize("text", ["galaxy/game", "UPPER", f"sha256:{'a' * 12}", "a" * 64, None])
def test_what_no_pattern_matches_is_refused(text: str | None) -> None:
    """Another image, a malformed reference, an image id and an unknown image are refused."""
    with pytest.raises(StartConfigInvalid):
        AllowedImages.parse(["reg.test/*"]).check(text)


def test_refusal_names_the_reference_and_the_setting_and_a_few_patterns() -> None:
    """The message is short, however long the reference and the list are."""
    allowed = AllowedImages.parse([f"reg{number}.test/*" for number in range(100)])

    with pytest.raises(StartConfigInvalid) as caught:
        allowed.check("x" * 200)

    shown = f"{SETTING} allows reg0.test/*, reg1.test/*, reg2.test/* and 97 more"
    assert caught.value.message == f"image_ref '{'x' * 80}'... is not allowed; {shown}"
