"""`python -m maskless` is `maskless`."""

import sys

from maskless.cli import main

if __name__ == "__main__":
    sys.exit(main())
