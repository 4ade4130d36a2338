import os
import subprocess
from pathlib import Path

PROJECT = Path(__file__).parents[3]
SHOW = 'show: ; @echo "$$PATH" $(PROFILED)'


def test_the_path_to_profile_does_not_replace_the_search_path() -> None:
    """`make profile PATH=get` profiles `get`, and still finds every program."""
    command = ["make", "--eval", SHOW, "show", "PATH=get"]
    shown = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == f"{os.environ['PATH']} get"


def test_the_search_path_of_the_environment_is_no_path_to_profile() -> None:
    """Without an argument, `make profile` profiles every path."""
    command = ["make", "--eval", SHOW, "show"]
    shown = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == os.environ["PATH"]
