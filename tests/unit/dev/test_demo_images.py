import pytest
from semantic_version import Version

from dev.demo_images import SCRIPTS, VARIANTS, Variant


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.tag)
def test_every_tag_is_a_semver_so_that_patches_to_it_are_legal(variant: Variant) -> None:
    """A patch to a misbehaving engine must not be refused because of its tag."""
    version = Version(variant.tag)

    assert f"{version.major}.{version.minor}" == ("1.5" if variant.tag == "1.5.0" else "1.4")


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.tag)
def test_every_command_is_there_but_the_bad_one(variant: Variant) -> None:
    """A misspelled command would make a good engine a broken one."""
    is_there = (SCRIPTS / variant.command).is_file()

    assert is_there == (variant.tag != "1.4.90-bad-command")


def test_settings_become_instructions() -> None:
    """A variant's user and labels become instructions of its image."""
    variant = Variant("1.0.0", user="7:7", labels={"com.galaxy.memory": "64m"})

    instructions = variant.instructions()

    assert "USER 7:7" in instructions
    assert "LABEL com.galaxy.memory=64m" in instructions
