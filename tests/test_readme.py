"""What the README shows is what the reports say, and what it points to is there."""

import json
import re
from pathlib import Path

import pytest

from vdt.checkpoints import bundled, describe, sha256

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
REPORT = json.loads((ROOT / "samples/report/report.json").read_text(encoding="utf-8"))


def rows(markdown: str, header: str) -> list[str]:
    """The rows of the first table whose header begins so."""
    lines = markdown[markdown.index(header) :].splitlines()[2:]
    return lines[: next(i for i, line in enumerate([*lines, ""]) if not line.startswith("|"))]


def test_the_readme_quotes_the_report_of_the_bundled_weight():
    quoted = rows(README, "| scenes | method |")
    reported = rows((ROOT / "samples/report/table.md").read_text(encoding="utf-8"), "| scenes | method |")
    assert len(quoted) > 5 and [row for row in reported if row in quoted] == quoted
    assert {row for row in reported if row.startswith("| all ")} <= set(quoted)


@pytest.mark.parametrize("header", ["| task | VDT", "| generated | method |"])
def test_the_readme_quotes_the_suite_of_the_bundled_weight(header):
    quoted = rows(README, header)
    reported = rows((ROOT / "samples/suite/suite.md").read_text(encoding="utf-8"), header)
    assert len(quoted) > 5 and [row for row in reported if row in quoted] == quoted
    suite = json.loads((ROOT / "samples/suite/suite.json").read_text(encoding="utf-8"))
    tasks = suite["tasks"].values()
    assert {task["model_sha256"] for task in tasks} == {sha256(bundled("vdt"))}
    assert min(task["count"] for task in tasks) >= 200


def test_the_report_is_of_the_bundled_files_and_they_carry_it():
    assert REPORT["model_sha256"] == sha256(bundled("vdt"))
    for kind, method in (("vdt", "model"), ("vae", "vae")):
        metrics = json.loads(describe(bundled(kind)).metadata["metrics"])
        assert metrics["families"] == {family: methods[method] for family, methods in REPORT["families"].items()}
        assert metrics["count"] == REPORT["count"] >= 200


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)\)|src=\"([^\"]+)\"", README))))
def test_what_the_readme_points_to_is_there(target):
    assert (ROOT / "".join(target)).exists()
