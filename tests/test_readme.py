"""The documents are true: quoted tables are those of the reports, links lead somewhere, commands and snippets run."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from vdt.checkpoints import bundled, describe, sha256

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, *DOCS, *(ROOT / name for name in ("LOG.md", "CHANGELOG.md", "CONTRIBUTING.md"))]
RESULTS = (ROOT / "docs/results.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
REPORT = json.loads((ROOT / "samples/report/report.json").read_text(encoding="utf-8"))

MAX_README_LINES = 120
MAX_COLUMNS = 120
UNBREAKABLE = ("|", "<", "![")  # table rows, HTML and pictures
LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)|src=\"([^\"]+)\"")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, *languages: str) -> list[str]:
    """The code of a page in these languages, in order."""
    return [code for name, code in re.findall(r"```(\w+)\n(.*?)```", text_of(page), re.DOTALL) if name in languages]


def sections(markdown: str, level: int) -> dict[str, str]:
    """The text under each heading of a level, with its deeper headings."""
    parts = re.split(rf"^{'#' * level} (.+)$", markdown, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(markdown: str, header: str) -> list[str]:
    """The rows of the first table whose header begins so."""
    lines = markdown[markdown.index(header) :].splitlines()[2:]
    return lines[: next(i for i, line in enumerate([*lines, ""]) if not line.startswith("|"))]


# ---- Form ------------------------------------------------------------------------------------------------------------


def test_the_readme_is_short():
    assert len(text_of(README).splitlines()) <= MAX_README_LINES


def test_pages_are_wrapped():
    def too_long(page):
        lines = enumerate(text_of(page).splitlines(), 1)
        return [n for n, line in lines if len(line) > MAX_COLUMNS and not line.lstrip().startswith(UNBREAKABLE)]

    assert {name_of(page): wrong for page in PAGES if (wrong := too_long(page))} == {}


def test_entries_of_the_log_open_with_their_conclusion():
    entries = sections(text_of(ROOT / "LOG.md"), 2)
    assert len(entries) > 30
    opening = re.compile(r"\*\*[^*]+[.]\*\*")
    assert [title for title, text in entries.items() if not opening.match(text.strip().replace("\n", " "))] == []


def slugs(page: Path) -> set[str]:
    """What links to headings of a page are called on GitHub."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_and_pictures_are_there():
    def broken(page):
        wrong = []
        for link in ("".join(found) for found in LINK.findall(text_of(page))):
            path, _, heading = link.partition("#")
            target = (page.parent / path) if path else page
            if not target.exists() or (heading and heading not in slugs(target)):
                wrong.append(link)
        return wrong

    assert {name_of(page): wrong for page in PAGES if (wrong := broken(page))} == {}


def test_every_page_is_linked_from_the_readme():
    assert [name_of(page) for page in DOCS if f"]({name_of(page)})" not in text_of(README)] == []


# ---- Figures ---------------------------------------------------------------------------------------------------------


def test_the_results_quote_the_report_of_the_bundled_weights():
    quoted = rows(RESULTS, "| scenes | method |")
    reported = rows(text_of(ROOT / "samples/report/table.md"), "| scenes | method |")
    assert len(quoted) > 5 and [row for row in reported if row in quoted] == quoted
    assert {row for row in reported if row.startswith("| all ")} <= set(quoted)


def test_the_results_quote_the_suite_of_the_bundled_weights():
    suite = text_of(ROOT / "samples/suite/suite.md")
    headers = {"| task | VDT": 14, "| generated | method |": 8, "| thrown balls |": 3, "| given frames |": 2}
    for header, least in {**headers, "| distance to the nearest training clip": 2}.items():
        quoted, reported = rows(RESULTS, header), rows(suite, header)
        assert len(quoted) >= least and [row for row in reported if row in quoted] == quoted, header
    tasks = json.loads(text_of(ROOT / "samples/suite/suite.json"))["tasks"].values()
    assert {task["model_sha256"] for task in tasks} == {sha256(bundled("vdt"))}
    assert min(task["count"] for task in tasks) >= 200


def test_the_report_is_of_the_bundled_files_and_they_carry_it():
    assert REPORT["model_sha256"] == sha256(bundled("vdt"))
    for kind, method in (("vdt", "model"), ("vae", "vae")):
        metrics = json.loads(describe(bundled(kind)).metadata["metrics"])
        assert metrics["families"] == {family: methods[method] for family, methods in REPORT["families"].items()}
        assert metrics["count"] == REPORT["count"] >= 200


@pytest.mark.parametrize("page", ["results", "performance"])
def test_every_figure_has_its_command_in_its_section(page):
    measured = {
        title: text
        for title, text in sections(text_of(ROOT / f"docs/{page}.md"), 2).items()
        if "\n|---" in text or "![" in text
    }
    assert len(measured) > 3
    assert [title for title, text in measured.items() if not re.search(r"\bvdt \w+", text)] == []


# ---- Commands and snippets -------------------------------------------------------------------------------------------


def commands(page: Path) -> list[list[str]]:
    """The words of every command in a page's shell blocks, without comments."""
    found = []
    for block in blocks(page, "bash", "powershell"):
        script = block.replace("\\\n", " ").replace(".venv\\Scripts\\", "").replace("\\", "/")
        for line in script.splitlines():
            for command in line.split("&&"):
                if words := shlex.split(command, comments=True):
                    found.append(words)
    return found


def test_commands_of_the_pages_parse():
    """`vdt` and `vdt-studio` know every command and flag, make every target."""
    from vdt.cli import build_parser
    from vdt_studio.cli import build_parser as build_studio_parser

    parsers = {"vdt": build_parser(), "vdt-studio": build_studio_parser()}
    targets = set(re.findall(r"^([\w-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    seen = {"vdt": 0, "vdt-studio": 0, "make": 0}
    for page in [README, *DOCS]:
        for program, *words in commands(page):
            seen[program] = seen.get(program, 0) + 1
            if program == "make":
                assert words[0] in targets, f"{name_of(page)}: make {words[0]}"
            elif program in parsers:
                try:
                    parsers[program].parse_args(words)
                except ValueError as error:
                    raise AssertionError(f"{name_of(page)}: {program} {shlex.join(words)}: {error}") from error
    assert seen["vdt"] > 20 and seen["vdt-studio"] > 3 and seen["make"] > 1


def test_the_readme_counts_graphs_and_nodes():
    graphs, nodes = re.search(r"All (\d+) graphs and (\d+) nodes", text_of(README)).groups()
    pages = len(list((ROOT / "web/docs").glob("VDT*.md")))  # one help page a node: tests/nodes holds them against them
    assert (int(graphs), int(nodes)) == (len(list((ROOT / "workflows").glob("*.json"))), pages)


def test_graphs_and_recipes_that_pages_name_are_there():
    named = {
        (name_of(page), path)
        for page in [README, *DOCS]
        for path in re.findall(r"\b(?:workflows|vdt/training/recipes|samples)/[\w/.-]*\w\.\w+", text_of(page))
    }
    assert len(named) > 10
    assert [each for each in sorted(named) if not (ROOT / each[1]).exists()] == []


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder in which the snippets find what they read, and may write."""
    shutil.copytree(ROOT / "samples/clips", tmp_path / "samples/clips")
    shutil.copy(ROOT / "tests/golden/official_tiny.pt", tmp_path / "model.pt")
    shutil.copy(ROOT / "tests/golden/vae_tiny.safetensors", tmp_path / "sd-vae.safetensors")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_snippets(page: Path) -> None:
    """Run all Python of a page, one block after another in one name space."""
    names: dict[str, object] = {"__name__": "snippet"}
    for code in blocks(page, "python"):
        exec(compile(code, name_of(page), "exec"), names)


def test_the_readme_snippet_runs(checkout, capsys):
    run_snippets(README)
    assert (checkout / "predicted.mp4").stat().st_size > 1000
    assert capsys.readouterr().out.splitlines()[-1] == "23 (64, 64, 3)"


def test_the_library_page_runs(checkout):
    pytest.importorskip("tensorboard", reason="the snippet that trains needs the extra 'train'")
    run_snippets(ROOT / "docs/library.md")
    written = {path.name for path in checkout.glob("*.mp4")}
    assert written == {"out.mp4", "longer.mp4", "joined.mp4", "loop.mp4", "slow.mp4"}
    assert (checkout / "runs/short/short.safetensors").exists()


# ---- Architecture ----------------------------------------------------------------------------------------------------


def test_the_tree_names_every_package():
    tree = re.search(r"```\n(vdt/\n.*?)```", ARCHITECTURE, re.DOTALL)
    assert tree is not None
    named = re.findall(r"^  ([\w.]+/?)", tree[1].split("\nnodes/")[0], re.MULTILINE)
    there = {f"{path.name}/" for path in (ROOT / "vdt").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert {name for name in named if name.endswith("/")} == there
    folder = ""
    for line in tree[1].splitlines():
        if not line.startswith(" "):
            folder = line.strip()
        elif path := re.match(r"  ([\w.]+/?)", line):
            assert (ROOT / folder / path[1]).exists(), path[1]


def test_the_rules_name_the_packages_in_the_order_of_the_tree():
    tree = re.findall(r"^  (\w+)(?:/|\.py) ", ARCHITECTURE.split("\nnodes/")[0], re.MULTILINE)
    (order,) = re.findall(r"only packages before it: ([\w,\s]+)\.", text_of(ROOT / "CONTRIBUTING.md"))
    assert [name.strip() for name in order.split(",")] == [name for name in tree if name != "weights"]


@pytest.mark.parametrize("way", ["pipeline", "decode"])
def test_the_ways_through_the_code_are_there(way):
    """Every stop is a file with that function, and the counts are those of the rows."""
    text = ARCHITECTURE[ARCHITECTURE.index(f"<!-- way: {way} -->") :]
    stops = [[cell.strip().strip("`") for cell in row.split("|")[1:4]] for row in rows(text, "| stop |")]
    climbs = sum("↑" in stop for stop, _, _ in stops)
    assert [int(stop.split()[0]) for stop, _, _ in stops] == list(range(1, len(stops) + 1))
    assert f"{len(stops)} stops, {climbs} climbs." in text.split("## ")[0]
    missing = [
        (file, function)
        for _, file, function in stops
        if not re.search(rf"(def|class) {function}\b", text_of(ROOT / file))
    ]
    assert missing == []
