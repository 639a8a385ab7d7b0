"""Run the command line with ``python -m featscape``."""

from featscape.cli import main

if __name__ == "__main__":
    main()
