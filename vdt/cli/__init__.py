"""The command line `vdt`: parses, calls the library, and turns bad input into one sentence and exit code 2."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

# Command modules import the library inside their functions, so that help answers at once.
COMMANDS = ("generate", "train", "evaluate", "bench", "scenes", "convert", "info")
EXTRAS = {"mujoco": "train", "matplotlib": "train", "tensorboard": "train", "PIL": "studio"}  # module -> extra

BAD_INPUT = 2
INTERRUPTED = 130


class UsageError(ValueError):
    """A command line that cannot be parsed."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one sentence."""

    def error(self, message: str) -> NoReturn:
        """Raise the complaint; `main` prints it."""
        raise UsageError(f"{message} (see `{self.prog} --help`)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 2 for bad input (one sentence on stderr), 130 when interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _print_in_any_encoding()
    try:
        options = build_parser().parse_args(arguments)
        options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        _complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # `vdt info file | head`: the reader has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError, ModuleNotFoundError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name not in (None, *EXTRAS):
            raise  # ours is broken, not the user's input
        if "--debug" in arguments:
            traceback.print_exc()
        else:
            _complain(_sentence(error))
        return BAD_INPUT
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; loads nothing but the standard library."""
    parser = Parser(prog="vdt", description="Video Diffusion Transformer: predict, interpolate and complete video.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for name in COMMANDS:
        importlib.import_module(f".{name}", __name__).add_command(commands, common)
    return parser


def _print_in_any_encoding() -> None:
    """Redirected output may be ASCII or a code page: what it lacks is written as an escape, and is no error."""
    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        reconfigure(errors="backslashreplace")


def _complain(sentence: str) -> None:
    sys.stderr.write(f"vdt: {sentence}\n")


def _sentence(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name in EXTRAS:
        return f"this needs {error.name}, which is not installed: pip install 'vdt-video[{EXTRAS[error.name]}]'"
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.strerror}: {error.filename}"
    return " ".join(str(error).split()) or type(error).__name__
