"""The command line `vdt-studio`: runs workflow files or serves the editor, and says what is wrong in one sentence."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from .engine import RunResult
    from .studio import Studio

# torch and the nodes are imported inside the functions that need them, so that help answers at once.

DIFFERENT = 1
BAD_INPUT = 2
INTERRUPTED = 130


class UsageError(ValueError):
    """A command line that cannot be parsed."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one sentence."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see `{self.prog} --help`)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code: 0, 1 if files differ, 2 with one sentence on stderr, 130 when interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        options = build_parser().parse_args(arguments)
        with _terminable():
            code = options.run(options)
            sys.stdout.flush()
    except KeyboardInterrupt:
        _complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # `vdt-studio run graph | head`: the reader has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if "--debug" in arguments:
            traceback.print_exc()
        if "--json" in arguments:
            print(json.dumps({"status": "error", "errors": _findings(error)}, indent=2))
        if not _is_for_users(error):
            raise  # ours is broken, not the user's input
        if "--debug" not in arguments:
            _complain(_sentence(error))
        return BAD_INPUT
    return code or 0


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; loads nothing but the standard library."""
    parser = Parser(prog="vdt-studio", description="Run VDT's ComfyUI workflows without ComfyUI.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    common = _common_options()
    run = commands.add_parser("run", parents=[common], help="run a workflow file and write its outputs")
    run.add_argument("workflow", type=Path, metavar="WORKFLOW.json", help="as the editor saves it, or exported as API")
    run.add_argument("--output-dir", type=Path, default=Path("output"), metavar="D", help="files it saves (output)")
    run.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NODE.INPUT=VALUE",
        help="a value in place of the graph's; NODE is an id, a title or a class",
    )
    run.add_argument("--json", action="store_true", help="print a summary as JSON instead of file names")
    run.set_defaults(run=_run)
    thumbnail = commands.add_parser(
        "thumbnail", parents=[common], help="run workflow files and draw what they make, for template browsers"
    )
    thumbnail.add_argument("workflows", type=Path, nargs="+", metavar="WORKFLOW.json", help="gets a .jpg beside it")
    thumbnail.set_defaults(run=_thumbnail)
    layout = commands.add_parser("layout", help="lay out the nodes of workflow files anew, in titled groups")
    layout.add_argument("workflows", type=Path, nargs="+", metavar="WORKFLOW.json", help="is written over")
    layout.add_argument("--debug", action="store_true", help="show the traceback of an error")
    layout.set_defaults(run=_layout)
    verify = commands.add_parser(
        "verify", parents=[common], help="run the graph inside a saved .mp4 or .png again: do the frames match?"
    )
    verify.add_argument("files", type=Path, nargs="+", metavar="FILE", help="saved by ComfyUI or vdt-studio")
    verify.set_defaults(run=_verify)
    serve = commands.add_parser("serve", parents=[common], help="the whole editor in a browser, on this machine only")
    serve.add_argument("--output-dir", type=Path, default=Path("output"), metavar="D", help="files it saves (output)")
    serve.add_argument("--user-dir", type=Path, default=Path("user"), metavar="D", help="settings and workflows (user)")
    serve.add_argument("--port", type=int, default=8189, help="of 127.0.0.1; 0 takes a free one (default: 8189)")
    serve.add_argument("--template", default="predict", metavar="NAME", help="graph to open first (default: predict)")
    serve.set_defaults(run=_serve)
    return parser


def _common_options() -> argparse.ArgumentParser:
    common = Parser(add_help=False)
    common.add_argument("--input-dir", type=Path, default=Path("input"), metavar="D", help="what graphs load (input)")
    common.add_argument("--models-dir", type=Path, default=Path("models"), metavar="D", help="vdt/ and vae/ (models)")
    common.add_argument("--device", metavar="NAME", help="cpu, cuda, ... (default: CUDA where there is one)")
    common.add_argument("--pack", type=Path, metavar="D", help="folder of the node pack (default: this checkout)")
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return common


@contextmanager
def _studio(options: argparse.Namespace, output: Path | None = None, *, cache: bool = False) -> Iterator[Studio]:
    """A studio with the folders of the command line; what no option names is thrown away afterwards."""
    from .paths import Folders
    from .studio import Studio

    with tempfile.TemporaryDirectory(prefix="vdt-studio-") as temp:
        folders = Folders(
            input=options.input_dir, output=output or Path(temp) / "output", temp=Path(temp), models=options.models_dir
        )
        yield Studio.open(folders, pack=options.pack, device=options.device, cache=cache)


def _thumbnail(options: argparse.Namespace) -> None:
    from .thumbnail import draw_thumbnail

    with _studio(options) as studio:
        for path in options.workflows:
            print(draw_thumbnail(studio, path))


def _layout(options: argparse.Namespace) -> None:
    from .graph.layout import lay_out_file

    for path in options.workflows:
        print(lay_out_file(path))


def _verify(options: argparse.Namespace) -> int:
    from .verify import verify

    with _studio(options) as studio:
        verdicts = [verify(studio, path) for path in options.files]
    for verdict in verdicts:
        print(verdict)
    return 0 if all(verdict.matches for verdict in verdicts) else DIFFERENT


def _serve(options: argparse.Namespace) -> None:
    from .server.app import create_app
    from .server.run import serve

    with suppress(OSError):  # a place that cannot be written to: there is nothing to load then
        options.input_dir.mkdir(parents=True, exist_ok=True)  # packs bring pictures of their graphs
    with _studio(options, options.output_dir, cache=True) as studio:
        app = create_app(studio, options.user_dir, pack=options.pack, template=options.template)
        serve(app, options.port, lambda url: print(f"VDT studio: {url} (Ctrl-C ends it)", flush=True))


def _run(options: argparse.Namespace) -> None:
    from .progress import ProgressView

    with _studio(options, options.output_dir) as studio:
        workflow = studio.load(options.workflow, options.set)
        with ProgressView(workflow.graph) as view:
            result = studio.run(workflow, view)
        if options.json:
            print(json.dumps(_summary(studio, result), indent=2))
            return
        for text in view.texts:
            sys.stderr.write(f"{text}\n")
        for ui in result.ui.values():
            for path in studio.written(ui):
                print(path)


def _summary(studio: Studio, result: RunResult) -> dict[str, Any]:
    files = [str(path) for ui in result.ui.values() for path in studio.written(ui)]
    return {"status": "success", "files": files, "executed": list(result.executed), "outputs": dict(result.ui)}


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end a run as Ctrl-C does, so that temporary files are removed."""

    def stop(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _is_for_users(error: Exception) -> bool:
    from .errors import NodeError

    return isinstance(error, (ValueError, OSError, ImportError, RuntimeError, MemoryError, NodeError))


def _findings(error: Exception) -> list[dict[str, Any]]:
    from .errors import InvalidGraph, NodeError

    if isinstance(error, InvalidGraph):
        return [problem.as_dict() for problem in error.problems]
    if isinstance(error, NodeError):
        return [{"type": "execution_error", "message": error.sentence, **error.node.as_dict()}]
    return [{"type": type(error).__name__, "message": _sentence(error)}]


def _sentence(error: Exception) -> str:
    from .errors import NodeError, sentence_of

    return str(error) if isinstance(error, NodeError) else sentence_of(error)


def _complain(sentence: str) -> None:
    sys.stderr.write(f"vdt-studio: {sentence}\n")
