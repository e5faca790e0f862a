"""`vdt generate`: what was asked for, how a clip is laid out for it, and what is printed and written.

Masks, models and frames are the library's; nothing here is needed without a command line.
"""

from .command import add_command

__all__ = ["add_command"]
