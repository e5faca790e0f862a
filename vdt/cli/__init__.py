"""The command line `vdt`: parses, calls the library, and turns bad input into one sentence and exit code 2."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import re
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

# Command modules import the library inside their functions, so that help answers at once.
COMMANDS = ("demo", "generate", "train", "evaluate", "ablate", "bench", "scenes", "convert", "info")
EXTRAS = {"mujoco": "train", "matplotlib": "train", "tensorboard": "train", "PIL": "studio"}  # module -> extra

BAD_INPUT = 2
INTERRUPTED = 130
LONG_WORD = 300  # characters from which on a word is cut in a message; paths are shorter
CAUSE = 200  # characters of an error of a library
SIGNALS = {"SIGTERM": "terminated", "SIGHUP": "the terminal was closed"}  # as Ctrl-C; the exit code is 128 + number


class UsageError(ValueError):
    """A command line that cannot be parsed."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one sentence."""

    def error(self, message: str) -> NoReturn:
        """Raise the complaint; `main` prints it."""
        raise UsageError(f"{_short(message, LONG_WORD // 3)} (see `{self.prog} --help`)")


class TerminatedError(KeyboardInterrupt):
    """A signal asked the command to end; everything is cleaned up as after Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0; 2 for bad input or too little memory, with one sentence on stderr; 130 when interrupted, 143 when terminated.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    _print_in_any_encoding()
    try:
        with _signals():
            return _run(arguments)
    except TerminatedError as error:
        _complain(SIGNALS[signal.Signals(error.number).name])
        return 128 + error.number


def _run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code, having said what there is to say but of a signal."""
    try:
        options = build_parser().parse_args(arguments)
        options.run(options)
        sys.stdout.flush()
    except TerminatedError:
        raise
    except KeyboardInterrupt:
        _complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # `vdt info file | head`: the reader has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError, ModuleNotFoundError, RuntimeError, MemoryError, OverflowError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name not in (None, *EXTRAS):
            raise  # ours is broken, not the user's input
        if "--debug" in arguments:
            traceback.print_exc()
        else:
            _complain(_sentence(error))
        return BAD_INPUT
    return 0


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """SIGTERM, and SIGHUP unless `nohup` ignores it, end a command as Ctrl-C does: no temporary file is left."""
    process = os.getpid()

    def stop(number: int, frame: object) -> None:
        if os.getpid() != process:  # a worker that was forked
            os._exit(128 + number)
        if _has_lost_a_process():
            return  # torchrun ends the others with this signal, but each of them says why it ends
        signal.signal(number, signal.SIG_IGN)  # cleaning up takes a moment; a second signal must not end that
        raise TerminatedError(number)

    before: dict[int, Any] = {}
    try:
        for number in (getattr(signal, name) for name in SIGNALS if hasattr(signal, name)):
            if signal.getsignal(number) == signal.SIG_DFL:
                before[number] = signal.signal(number, stop)
    except ValueError:  # not the main thread: the host decides about signals
        pass
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _has_lost_a_process() -> bool:
    """Whether the command already ends because another process of its run is gone."""
    ranks = sys.modules.get(f"{__package__.rpartition('.')[0]}.ranks")  # not loaded for this
    error = sys.exc_info()[1] if ranks else None
    while error is not None and not isinstance(error, ranks.LostProcessError):  # type: ignore[union-attr]
        error = error.__context__
    return error is not None


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


def _short(text: str, most: int) -> str:
    """A message without the middle of its longest words: an argument may be as long as a file."""
    return re.sub(rf"\S{{{most},}}", lambda word: f"{word[0][:60]}...", text)


def _complain(sentence: str) -> None:
    sys.stderr.write(f"vdt: {sentence}\n")


def _sentence(error: BaseException) -> str:
    text = " ".join(_short(str(error), LONG_WORD).split())
    if isinstance(error, ModuleNotFoundError) and error.name in EXTRAS:
        return f"this needs {error.name}, which is not installed: pip install 'vdt-video[{EXTRAS[error.name]}]'"
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.strerror}: {error.filename}"
    if isinstance(error, (RuntimeError, MemoryError, OverflowError)):
        return _failure(error, text)
    return text or type(error).__name__


def _failure(error: BaseException, text: str) -> str:
    """What is said of an error that no check of ours foresaw."""
    from ..inference.memory import is_out_of_memory

    cause = f" ({text[:CAUSE]})" if text else ""
    if is_out_of_memory(error):
        return f"not enough memory{cause}: use a smaller size, fewer frames or another --device"
    if isinstance(error, OverflowError):
        return f"a number is too large{cause}: use a smaller one"
    return f"stopped by {type(error).__name__}{cause}: this may be a defect of vdt; --debug shows where"
