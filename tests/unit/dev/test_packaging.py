from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

PROJECT = Path(__file__).parents[3]


@pytest.mark.parametrize("builder", [SdistBuilder, WheelBuilder])
def test_what_is_published_holds_no_development_environment(builder: Any) -> None:
    """The wheel contains neither demo engines nor code that starts a dockerd."""
    files = [file.distribution_path for file in builder(str(PROJECT)).recurse_included_files()]

    assert "rtmanager/cli.py" in files
    assert [file for file in files if "dev" in Path(file).parts or "demo" in file] == []
