"""Become the service of another release: the checkout that ROLLING_FROM names."""

import os
import sys

from tests.support.run import compiled_once

if __name__ == "__main__":
    checkout = os.environ["ROLLING_FROM"]
    os.chdir(checkout)
    command = [sys.executable, "-m", "rtmanager", "serve"]
    os.execve(sys.executable, command, {**compiled_once(), "PYTHONPATH": checkout})  # noqa: S606 - no shell
