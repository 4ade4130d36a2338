import subprocess
import sys

ASSEMBLE_ON_DOUBLES = """
import sys
import rtmanager.bootstrap.cycles, rtmanager.bootstrap.use_cases
print(*sorted({"docker", "psycopg", "redis"} & sys.modules.keys()))
"""


def test_use_cases_and_cycles_are_assembled_without_the_real_adapters() -> None:
    """Unit tests and the simulation assemble them on doubles and load no driver."""
    result = subprocess.run(
        [sys.executable, "-c", ASSEMBLE_ON_DOUBLES], capture_output=True, text=True, check=True
    )

    assert result.stdout == "\n"
