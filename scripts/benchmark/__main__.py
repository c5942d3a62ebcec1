"""`scripts/bench` runs this folder."""

import os
import sys

# Python puts the folder itself on its path; what is imported is the package.
sys.path[0] = os.path.dirname(sys.path[0])

from benchmark.command import main  # noqa: E402

main()
