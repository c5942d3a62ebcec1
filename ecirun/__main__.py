"""`python -m ecirun`."""

import sys

from ecirun.cli import main

sys.exit(main())
