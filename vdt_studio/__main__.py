"""`python -m vdt_studio` is the command `vdt-studio`."""

import sys

from .cli import main

sys.exit(main())
