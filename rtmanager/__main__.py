"""Run the command line with `python -m rtmanager`."""

from rtmanager.cli import main

if __name__ == "__main__":
    main()
