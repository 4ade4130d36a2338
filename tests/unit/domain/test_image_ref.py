from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rtmanager.domain.errors import ImageRefNotSemver, SemverPatchOnly, StartConfigInvalid
from rtmanager.domain.image_ref import ImageRef, check_patch, names_image

DIGEST = f"sha256:{'a1' * 32}"

words = st.text("az09", min_size=1, max_size=3)
seams = st.sampled_from(["", ".", "_", "__", "-", "---"])
parts = st.builds(lambda one, seam, two: one + seam + two, words, seams, words)
paths = st.lists(parts, min_size=1, max_size=3).map("/".join)
hosts = st.sampled_from(
    ["", "docker.io/", "index.docker.io/", "localhost/", "localhost:5000/", "reg.test/", "[::1]:5/"]
)
tags = st.one_of(st.just(""), st.text("AZaz09_", min_size=1, max_size=5).map(":{}.-".format))
digests = st.sampled_from(["", f"@{DIGEST}"])
references = st.tuples(hosts, paths, tags, digests).map("".join)
numbers = st.integers(0, 999)
Version = tuple[int, int, int]
versions = st.tuples(numbers, numbers, numbers)


class TestParsing:
    """What counts as a reference, and its parts."""

    @pytest.mark.parametrize(
        ("text", "name", "tag", "digest"),
        [
            ("game", "game", None, None),
            ("galaxy/game:1.4.7", "galaxy/game", "1.4.7", None),
            ("reg.test:5000/a/b_c/d__e:V1", "reg.test:5000/a/b_c/d__e", "V1", None),
            (f"game@{DIGEST}", "game", None, DIGEST),
            (f"game:1@{DIGEST}", "game", "1", DIGEST),
            ("[2001:db8::1]:5000/game", "[2001:db8::1]:5000/game", None, None),
        ],
    )
    def test_parts_of_a_reference(
        self, text: str, name: str, tag: str | None, digest: str | None
    ) -> None:
        """A reference has a name and optionally a tag and a digest."""
        ref = ImageRef.parse(text)

        assert (ref.text, ref.name, ref.tag, ref.digest) == (text, name, tag, digest)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " game",
            "game ",
            "game\n",
            "Game",
            "a/B",
            "game:",
            "game:-1",
            "game:" + "1" * 129,
            "a//b",
            "/game",
            "game/",
            "game@sha256:abc",
            "http://game",
            "a___b",
            "x" * 256,
            "a" * 64,
            f"sha256:{'a' * 64}",
            "sha256:a1b2c3",
            f"sha256@{DIGEST}",
            "gäme",
            "game:1\x00",
            "\ud800",
        ],
    )
    def test_text_that_is_no_reference(self, text: str) -> None:
        """A reference that Docker rejects is start_config_invalid, with a printable message."""
        with pytest.raises(StartConfigInvalid, match="not a Docker image reference") as error:
            ImageRef.parse(text)

        assert error.value.message.isprintable()
        assert len(error.value.message) < 700

    @given(st.text())
    def test_any_text_parses_or_is_refused(self, text: str) -> None:
        """Parsing raises nothing but StartConfigInvalid."""
        with suppress(StartConfigInvalid):
            assert ImageRef.parse(text).text == text

    def test_longest_reference_parses(self) -> None:
        """A name of 255 characters, a tag of 128, and a digest."""
        text = f"{'n' * 255}:{'t' * 128}@sha256:{'d' * 64}"

        assert ImageRef.parse(text).text == text

    def test_longer_text_is_refused_with_a_short_quote(self) -> None:
        """It is not even matched, and the message repeats only its beginning."""
        with pytest.raises(StartConfigInvalid) as caught:
            ImageRef.parse("n" * 60_000)

        assert len(caught.value.message) < 300

    @given(references)
    def test_every_well_formed_reference_parses(self, text: str) -> None:
        """Any combination of host, path, tag and digest parses."""
        assert ImageRef.parse(text).text == text

    @pytest.mark.parametrize("unit", ["a", "a.", "a-", "a/", "a_", "-", "A.", "a:", "a__", "a--"])
    def test_text_as_long_as_the_largest_body_is_refused(self, unit: str) -> None:
        """An ambiguous grammar would backtrack endlessly on such a text."""
        text = unit * (65_536 // len(unit)) + "!"

        with pytest.raises(StartConfigInvalid):
            ImageRef.parse(text)


class TestNormalising:
    """Two spellings of one image are equal."""

    @pytest.mark.parametrize(
        ("text", "normalized"),
        [
            ("game", "docker.io/library/game:latest"),
            ("galaxy/game:1", "docker.io/galaxy/game:1"),
            ("index.docker.io/game:1", "docker.io/library/game:1"),
            ("docker.io/library/game", "docker.io/library/game:latest"),
            ("localhost/game", "localhost/game:latest"),
            ("reg.test/game:1", "reg.test/game:1"),
            (f"game:1@{DIGEST}", f"docker.io/library/game@{DIGEST}"),
        ],
    )
    def test_normal_form(self, text: str, normalized: str) -> None:
        """Host, namespace and tag are completed as Docker does; a digest replaces the tag."""
        assert ImageRef.parse(text).normalized == normalized

    @pytest.mark.parametrize(
        ("text", "host", "repository"),
        [
            ("deadbeef0123", "docker.io", "docker.io/library/deadbeef0123"),
            ("index.docker.io/a/b:1", "docker.io", "docker.io/a/b"),
            ("Evil/game:1", "Evil", "Evil/game"),
            (f"[::1]:5/a@{DIGEST}", "[::1]:5", "[::1]:5/a"),
        ],
    )
    def test_host_and_repository(self, text: str, host: str, repository: str) -> None:
        """Both are complete: what Docker asks, and whose credentials it gets."""
        image = ImageRef.parse(text)

        assert (image.host, image.repository) == (host, repository)

    @given(references)
    def test_normalising_twice_changes_nothing(self, text: str) -> None:
        """The normal form of a normal form is itself."""
        normalized = ImageRef.parse(text).normalized

        assert ImageRef.parse(normalized).normalized == normalized

    @given(references, references)
    def test_same_image_is_an_equivalence(self, left: str, right: str) -> None:
        """Sameness is reflexive and symmetric."""
        one, two = ImageRef.parse(left), ImageRef.parse(right)

        assert one.same_image_as(one)
        assert one.same_image_as(two) == two.same_image_as(one)


@pytest.mark.parametrize("stored", ["galaxy/game:2", "sha256:a1b2c3", "Not a reference", ""])
def test_stored_text_that_names_another_image_or_none(stored: str) -> None:
    """An earlier release stored references that are refused now; they name no image."""
    assert not names_image(stored, ImageRef.parse("galaxy/game:1"))


def tagged(major: int, minor: int, patch: int, prefix: str = "") -> str:
    """Return a reference with this version as its tag."""
    return f"galaxy/game:{prefix}{major}.{minor}.{patch}"


class TestPatchRule:
    """Same major and minor version; any patch level."""

    @given(versions, numbers, st.sampled_from(["", "v"]))
    def test_any_patch_level_of_the_line_is_allowed(
        self, version: Version, level: int, prefix: str
    ) -> None:
        """Up, down or the same, with or without a leading v."""
        major, minor, _ = version

        check_patch(tagged(*version), tagged(major, minor, level, prefix))

    @given(versions, versions)
    def test_another_line_is_refused_both_ways(self, left: Version, right: Version) -> None:
        """Another major or minor version is semver_patch_only, up and down."""
        assume(left[:2] != right[:2])
        one, two = tagged(*left), tagged(*right)

        for current, wanted in ((one, two), (two, one)):
            with pytest.raises(SemverPatchOnly):
                check_patch(current, wanted)

    @pytest.mark.parametrize(
        "tag", ["1.4", "1", "latest", "1.4.7.1", "01.4.7", "V1.4.7", "vv1.4.7"]
    )
    def test_tag_that_is_no_strict_version_is_refused(self, tag: str) -> None:
        """Both the running and the requested image need a strict version."""
        with pytest.raises(ImageRefNotSemver, match="not a semantic version"):
            check_patch("game:1.4.7", f"game:{tag}")
        with pytest.raises(ImageRefNotSemver, match="not a semantic version"):
            check_patch(f"game:{tag}", "game:1.4.7")

    @pytest.mark.parametrize("text", ["game", f"game@{DIGEST}"])
    def test_reference_without_a_tag_is_refused(self, text: str) -> None:
        """A digest alone has no version."""
        with pytest.raises(ImageRefNotSemver, match="has no tag"):
            check_patch("game:1.4.7", text)

    @pytest.mark.parametrize("tag", ["1.4.8-rc.1", "1.4.7-alpha"])
    def test_prereleases_belong_to_their_line(self, tag: str) -> None:
        """A prerelease of the same line is a patch level too."""
        check_patch("game:1.4.7", f"game:{tag}")

    @given(st.text(), st.text())
    def test_any_texts_are_allowed_or_refused(self, current: str, wanted: str) -> None:
        """The rule raises nothing but its two refusals."""
        with suppress(ImageRefNotSemver, SemverPatchOnly):
            check_patch(current, wanted)
