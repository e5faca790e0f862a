"""`python -m vdt` is the command `vdt`."""

import sys

from .cli import main

sys.exit(main())
