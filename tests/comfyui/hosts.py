"""Real ComfyUI servers for tests: an environment of its own for a checkout, and a server in a temporary base directory.

    python tests/comfyui/hosts.py prepare CHECKOUT...            make the environments env-NAME beside the checkouts
    python tests/comfyui/hosts.py test CHECKOUT... [-- OPTION..] run tests/comfyui in each, with these options of pytest
    python tests/comfyui/hosts.py serve CHECKOUT [--port N]      start one with this pack, to look at it

Only the standard library is used, so that any interpreter of Python 3.10 or newer can run this. Nothing is ever written
into a checkout. PIP_ARGS goes to pip install; COMFYUI_PYTHON names an interpreter to use as it is for one checkout.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PACK = "ComfyUI-VDT"
TORCH = {"torch": "2.13.0", "torchvision": "0.28.0"}
TORCHAUDIO = "2.11.0"  # has no release for this torch: installed without its dependencies
UNSAID = ("requests",)  # imported by ComfyUI 0.3.64, but not in its requirements: others no longer bring it
START_SECONDS = 300
RUN_SECONDS = 300
BASE_FOLDERS = ("custom_nodes", "input", "output", "models/vdt", "models/vae", "models/text_encoders")


@dataclass(frozen=True, kw_only=True)
class Host:
    """A checkout of ComfyUI and the interpreter that runs it."""

    checkout: Path
    python: str

    @classmethod
    def from_environment(cls) -> Host | None:
        """The one that COMFYUI_PATH and COMFYUI_PYTHON name; None where they do not."""
        path = os.environ.get("COMFYUI_PATH")
        if not path:
            return None
        default = interpreter(environment_of(Path(path)))
        python = os.environ.get("COMFYUI_PYTHON") or str(default if default.exists() else sys.executable)
        return cls(checkout=Path(path).absolute(), python=python)

    @property
    def version(self) -> str:
        """What the checkout calls itself; several states of ComfyUI share one version."""
        text = (self.checkout / "comfyui_version.py").read_text(encoding="utf-8")
        return text.partition('"')[2].partition('"')[0]

    def has_option(self, name: str) -> bool:
        """Whether its command line knows an option such as --fp16-intermediates."""
        return f'"{name}"' in (self.checkout / "comfy/cli_args.py").read_text(encoding="utf-8")

    def fault(self) -> str:
        """Why nothing can be started from here, with the cure; empty if it can."""
        if not (self.checkout / "main.py").is_file():
            return f"there is no main.py in {self.checkout}: give a folder that holds a ComfyUI"
        absent = absent_sources(self.checkout)
        if not absent:
            return ""
        return (
            f"{self.checkout} lacks {len(absent)} source files of its commit, such as {absent[0]}: it is a partial "
            f"checkout; `git -C {self.checkout} sparse-checkout disable` brings them, or, where large files of it are "
            f"missing, `sparse-checkout add '*.py'`"
        )


def absent_sources(checkout: Path) -> list[str]:
    """Python files that git knows of and that are not there; none for a folder without git."""
    command = ["git", "-C", str(checkout), "ls-files", "-z", "--", "*.py"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return []
    names = listed.stdout.split("\0") if listed.returncode == 0 else []
    return [name for name in names if name and not (checkout / name).is_file()]


# ---- Environments ----------------------------------------------------------------------------------------------------


def environment_of(checkout: Path) -> Path:
    """Where the environment of a checkout lies."""
    return checkout.absolute().parent / f"env-{checkout.absolute().name}"


def interpreter(environment: Path) -> Path:
    """The Python of an environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def prepare(checkout: Path, pip_options: Sequence[str] = ()) -> Host:
    """Make the environment of a checkout, unless it is there; its torch is the one that the pack is tested with."""
    host = Host(checkout=checkout.absolute(), python=str(interpreter(environment_of(checkout))))
    if not Path(host.python).exists():
        venv.create(environment_of(checkout), with_pip=True)
    with tempfile.TemporaryDirectory() as folder:
        pins, rest = Path(folder) / "constraints.txt", Path(folder) / "requirements.txt"
        pins.write_text("".join(f"{name}=={version}\n" for name, version in TORCH.items()), encoding="utf-8")
        rest.write_text(without_torch((checkout / "requirements.txt").read_text(encoding="utf-8")), encoding="utf-8")
        install = [host.python, "-m", "pip", "install", "--quiet", *pip_options]
        pinned = [f"{name}=={version}" for name, version in TORCH.items()]
        subprocess.run([*install, "-c", str(pins), *pinned], check=True)
        subprocess.run([*install, "--no-deps", f"torchaudio=={TORCHAUDIO}"], check=True)
        subprocess.run([*install, "-c", str(pins), "-r", str(rest), *UNSAID], check=True)
    repair(host.python)
    return host


def without_torch(requirements: str) -> str:
    """The lines of a requirements file but those of torch and its companions."""
    kept = []
    for line in requirements.splitlines():
        name = line.partition("#")[0].strip().lower()
        for mark in "<>=!~[; ":
            name = name.partition(mark)[0]
        if name not in (*TORCH, "torchaudio"):
            kept.append(line)
    return "\n".join(kept) + "\n"


LACKING = """
import sys
from importlib import metadata
from pip._vendor.packaging.requirements import Requirement
for line in sys.stdin.read().splitlines():
    text = line.partition("#")[0].strip()
    if not text or text.startswith("-"):
        continue
    wish = Requirement(text)
    if wish.marker is None or wish.marker.evaluate():
        try:
            if not wish.specifier.contains(metadata.version(wish.name), prereleases=True):
                print(text)
        except metadata.PackageNotFoundError:
            print(text)
"""


def lacking(checkout: Path, python: str) -> list[str]:
    """Requirements of a checkout that an environment does not meet: it was made for another state, or half."""
    rest = without_torch((checkout / "requirements.txt").read_text(encoding="utf-8"))
    wanted = "\n".join([rest, *TORCH, "torchaudio", *UNSAID])
    run = subprocess.run([python, "-c", LACKING], input=wanted, capture_output=True, text=True)
    return run.stdout.split("\n")[:-1] if run.returncode == 0 else ["pip"]


def repair(python: str) -> None:
    """Disarm compiled parts of torchvision and torchaudio that do not match the torch that is installed.

    ComfyUI uses nothing of them.
    """
    site = Path(_answer(python, "import sysconfig; print(sysconfig.get_paths()['purelib'])"))
    meta, compiled = site / "torchvision/_meta_registrations.py", site / "torchaudio/lib"
    if not _imports(python, "torchvision") and meta.exists():
        meta.write_text("", encoding="utf-8")
    if not _imports(python, "torchaudio") and compiled.exists():
        compiled.rename(compiled.with_name("lib_off"))


def _answer(python: str, code: str) -> str:
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def _imports(python: str, module: str) -> bool:
    return subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode == 0


# ---- Servers ---------------------------------------------------------------------------------------------------------


class Server:
    """A running ComfyUI and what a client does with it."""

    def __init__(self, process: Any, port: int, base: Path, log: Path) -> None:
        self.process, self.port, self.base, self.log = process, port, base, log

    def request(self, path: str, body: Any = None) -> Any:
        """What a page of JSON answers, or None if that is nothing."""
        data = None if body is None else json.dumps(body).encode()
        query = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=data, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(query, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def run(self, graph: dict[str, Any]) -> dict[str, Any]:
        """Queue an API graph and wait for it; its history entry, failed or not. AssertionError if it is refused."""
        try:
            prompt = self.request("/prompt", {"prompt": graph})["prompt_id"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"the graph was refused: {error.read().decode()}") from error
        return self.wait(prompt)

    def wait(self, prompt: str) -> dict[str, Any]:
        """The history entry of a prompt, once it ends."""
        end = time.monotonic() + RUN_SECONDS
        while time.monotonic() < end:
            history = self.request(f"/history/{prompt}")
            if prompt in history:
                return history[prompt]
            assert self.process.poll() is None, f"ComfyUI died:\n{self.text()[-3000:]}"
            time.sleep(0.05)
        raise AssertionError("the graph did not end in time")

    def done(self, graph: dict[str, Any]) -> dict[str, Any]:
        """As run, for graphs that must succeed; the outputs by node."""
        entry = self.run(graph)
        error = dict(entry["status"]["messages"]).get("execution_error", {})
        said = [error.get(key) for key in ("node_type", "exception_type", "exception_message")]
        assert entry["status"]["status_str"] == "success", f"{said}\n{''.join(error.get('traceback', [])[-3:])}"
        return entry["outputs"]

    def failure(self, graph: dict[str, Any]) -> dict[str, Any]:
        """What is said of a graph that must fail: exception_message, exception_type and more."""
        return dict(self.run(graph)["status"]["messages"])["execution_error"]

    def error(self, graph: dict[str, Any]) -> str:
        """The message of a graph that must fail."""
        return self.failure(graph)["exception_message"].strip()

    def file(self, entry: dict[str, str]) -> Path:
        """A file that a node says it wrote."""
        return self.base / entry["type"] / entry["subfolder"] / entry["filename"]

    def text(self) -> str:
        """All that the server has printed."""
        return self.log.read_text(errors="replace")


def make_base(folder: Path) -> Path:
    """A base directory with this pack in its custom nodes."""
    for name in BASE_FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    link = folder / "custom_nodes" / PACK
    if not link.exists():
        link.symlink_to(ROOT, target_is_directory=True)
    return folder


@contextlib.contextmanager
def serve(host: Host, base: Path, *options: str, port: int = 0) -> Iterator[Server]:
    """Run a server over a base directory, with no nodes but its own and this pack's; it ends with the block."""
    port = port or free_port()
    log = base / f"server-{port}.log"
    command = [
        host.python,
        *("main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(port), "--base-directory", str(base)),
        *("--disable-all-custom-nodes", "--whitelist-custom-nodes", PACK, "--disable-api-nodes"),
        *("--disable-auto-launch", "--database-url", f"sqlite:///{base / f'comfyui-{port}.db'}"),
        *options,
    ]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    with log.open("wb") as sink:
        process = subprocess.Popen(command, cwd=host.checkout, env=environment, stdout=sink, stderr=subprocess.STDOUT)
    running = Server(process, port, base, log)
    try:
        wait_until_up(running)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_up(running: Server) -> None:
    """Wait until it answers; AssertionError with its last words if it does not."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert running.process.poll() is None, f"ComfyUI did not start:\n{running.text()[-3000:]}"
        try:
            running.request("/system_stats")
            return
        except OSError:
            time.sleep(0.3)
    raise AssertionError(f"ComfyUI did not answer within {START_SECONDS} s:\n{running.text()[-3000:]}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# ---- Command line ----------------------------------------------------------------------------------------------------


def main() -> int:
    """See the top of this file."""
    at = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("action", choices=("prepare", "test", "serve"))
    parser.add_argument("checkouts", nargs="+", type=Path)
    parser.add_argument("--port", type=int, default=8188)
    wishes = parser.parse_args(sys.argv[1:at])
    own = os.environ.get("COMFYUI_PYTHON") if len(wishes.checkouts) == 1 else None
    hosts = [Host(checkout=path.absolute(), python=own or "") for path in wishes.checkouts]
    if faults := [fault for host in hosts if (fault := host.fault())]:
        parser.error("; ".join(faults))
    if not own:
        hosts = [_prepared(host.checkout) for host in hosts]
    if wishes.action == "serve":
        with tempfile.TemporaryDirectory() as folder, serve(hosts[0], make_base(Path(folder)), port=wishes.port) as run:
            sys.stdout.write(f"http://127.0.0.1:{run.port}\n")
            sys.stdout.flush()
            run.process.wait()
    return max((_test(host, sys.argv[at + 1 :]) for host in hosts), default=0) if wishes.action == "test" else 0


def _prepared(checkout: Path) -> Host:
    """The host of a checkout, with its environment made or brought up to date where that is needed."""
    python = interpreter(environment_of(checkout))
    if python.exists() and not lacking(checkout, str(python)):
        repair(str(python))  # an interrupted preparation may have left it out
        return Host(checkout=checkout, python=str(python))
    return prepare(checkout, os.environ.get("PIP_ARGS", "").split())


def _test(host: Host, options: Sequence[str]) -> int:
    sys.stdout.write(f"ComfyUI {host.version} in {host.checkout}\n")
    sys.stdout.flush()
    environment = {**os.environ, "COMFYUI_PATH": str(host.checkout), "COMFYUI_PYTHON": host.python}
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-m", "comfy", "tests/comfyui", *options]
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    raise SystemExit(main())
