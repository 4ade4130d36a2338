"""`rtmanager` in a process that may open few files: the first argument is how many."""

import resource
import sys

from rtmanager.cli import main

if __name__ == "__main__":
    files = int(sys.argv.pop(1))
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    main()
