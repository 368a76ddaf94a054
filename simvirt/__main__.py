"""``python -m simvirt``."""

import sys

from simvirt.cli import main

if __name__ == "__main__":
    sys.exit(main())
