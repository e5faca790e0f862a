"""Make environments of the lowest and the newest versions that pyproject.toml allows; run the quick suite in each.

    python tests/versions.py [lowest newest] [--folder DIR] [--python lowest=python3.10] [-- PYTEST ARGUMENTS]

The lowest environment pins every runtime dependency to its lower bound on the oldest Python; the newest one takes what
the package index has on the newest Python that is installed. Prints one line for each: versions, passed, failed; what
cannot be run is said, and counts as a failure.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAMES = ("lowest", "newest")
EXTRAS = ("studio", "train")  # what a user can install; tools of the tests are never pinned
TOOLS = ("pytest", "pytest-timeout", "hypothesis")
QUICK = ("-q", "-m", "not slow and not gpu and not browser and not comfy", "-p", "no:cacheprovider")
TESTS = ("tests/vdt", "tests/studio", "tests/nodes")
SHOWN = ("torch", "av", "numpy", "safetensors", "einops", "pillow", "aiohttp", "mujoco")
MINORS = range(10, 20)


def requirements(name: str) -> list[str]:
    """What is installed: every dependency and user extra, at its lower bound or as new as there is."""
    listed = [*PROJECT["dependencies"], *(each for extra in EXTRAS for each in PROJECT["optional-dependencies"][extra])]
    if name == "newest":
        return sorted(set(listed))
    return sorted({each.replace(">=", "==") for each in listed})


def interpreter(name: str) -> str | None:
    """The oldest or newest Python that the project takes and that starts on this machine."""
    lowest = int(PROJECT["requires-python"].split(".")[1])
    minors = [minor for minor in MINORS if minor >= lowest]
    for minor in minors if name == "lowest" else reversed(minors):
        command = f"python3.{minor}"
        managed = sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/{command}"))
        for found in [*map(str, managed), shutil.which(command)]:
            if found and subprocess.run([found, "-c", "import ssl, venv"], capture_output=True).returncode == 0:
                return found
    return None


def make_environment(name: str, folder: Path, python: str) -> Path:
    """An environment with those versions, made once; its interpreter."""
    target = folder / name
    made = target / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = target / "complete"
    wanted = "\n".join([python, *requirements(name), *TOOLS])
    if not done.exists() or done.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run([python, "-m", "venv", str(target)], check=True)
        pip = [str(made), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--upgrade", "pip"], check=True)  # that of an old Python resolves nothing in a day
        subprocess.run([*pip, *requirements(name), *TOOLS], check=True)
        done.write_text(wanted, encoding="utf-8")
    return made


def versions(python: Path) -> str:
    """Versions in an environment, such as "Python 3.10.13, torch 2.4.0, …"."""
    code = (
        "import platform; from importlib.metadata import version;"
        f"print('Python', platform.python_version(), *[f', {{n}} {{version(n)}}' for n in {SHOWN!r}], sep=' ')"
    )
    shown = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout
    return shown.strip().replace(" , ", ", ")


def run_suite(name: str, folder: Path, python: str, arguments: Sequence[str]) -> bool:
    """Run the quick suite in an environment and print one line; True if nothing failed."""
    made = make_environment(name, folder, python)
    log = folder / f"{name}.log"
    with log.open("w", encoding="utf-8") as file:
        command = [str(made), "-m", "pytest", *QUICK, *TESTS, *arguments]
        code = subprocess.run(command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    closing = re.findall(r"(?m)^.*\b(?:passed|failed|error).*$", log.read_text(encoding="utf-8", errors="replace"))
    sys.stdout.write(f"{name}: {versions(made)}: {closing[-1] if closing else f'exit {code}'} ({log})\n")
    return code == 0


def main() -> int:
    """Run what was asked for; 1 if anything failed or could not be run, which is said."""
    own, _, rest = " ".join(sys.argv[1:]).partition(" -- ") if "--" in sys.argv else (" ".join(sys.argv[1:]), "", "")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help="lowest, newest (default: both)")
    parser.add_argument("--folder", type=Path, default=ROOT / ".versions", help="where environments are made")
    parser.add_argument("--python", action="append", default=[], metavar="NAME=COMMAND", help="another interpreter")
    options = parser.parse_args(own.split())
    options.folder.mkdir(parents=True, exist_ok=True)
    chosen = dict(each.split("=", 1) for each in options.python)
    fine = True
    for name in options.names or NAMES:
        python = chosen.get(name) or interpreter(name)
        if python is None:
            sys.stdout.write(f"{name}: not run, no Python {PROJECT['requires-python']} on this machine\n")
            fine = False
            continue
        fine = run_suite(name, options.folder, python, rest.split()) and fine
    return 0 if fine else 1


if __name__ == "__main__":
    raise SystemExit(main())
