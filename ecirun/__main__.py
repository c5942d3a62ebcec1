"""`python -m ecirun`, and what scripts/ecirun executes."""

import gc
import sys

# A command lives for a moment and frees its memory by ending; the collector would only take a tenth of that moment.
gc.disable()

from ecirun.cli import main  # noqa: E402

sys.exit(main())
