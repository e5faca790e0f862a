"""The editor's masks are the library's: both run on random timelines, and agree on every pixel.

The editor has no list of tasks of its own (it offers what VDT Mask offers), so what it knows of each is compared.
"""

import json
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from vdt import bounds
from vdt.masks.pixel import task_mask
from vdt.masks.tasks import TASKS, make_task
from vdt.masks.timeline import apply_timeline, parse_timeline

ROOT = Path(__file__).parents[2]
EDITOR = ROOT / "web/js/timeline"
DRAWN = ("spatial", "random")  # tasks whose masks only a run can tell
KNOWN = "known"  # the widget's id, in graphs for ever, of what the library calls given_frames


@pytest.fixture(scope="module")
def node():
    found = shutil.which("node")
    if found is None:
        pytest.skip("needs node to run the editor's code")
    return found


def javascript(node, cases):
    command = [node, str(Path(__file__).parent / "masks.mjs"), str(EDITOR)]
    done = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def python(case):
    settings = {"given_frames" if key == KNOWN else key: value for key, value in case["settings"].items()}
    try:
        mask = task_mask(make_task(case["task"], **settings), tuple(case["size"]))
        edited = apply_timeline(mask, parse_timeline(case["text"]))
    except ValueError:
        return None
    return "".join("1" if value else "0" for value in edited.flatten().tolist())


def outline(draw, kind):
    points = {"rect": 2, "oval": 2, "poly": draw.randrange(3, 7), "brush": draw.randrange(1, 5)}[kind]
    return [round(draw.uniform(-0.2, 1.2), 4) for _ in range(2 * points)]


def stroke(draw, kinds):
    first = draw.randrange(10)
    last = first + draw.randrange(6) if draw.random() < 0.7 else first
    entry = {"on": f"{first}-{last}" if last > first else f"{first}"}
    kind = draw.choice(kinds)
    entry[kind] = outline(draw, kind)
    if kind == "brush":
        entry["r"] = round(draw.uniform(0.01, 0.4), 4)
    if draw.random() < 0.4:
        entry["erase"] = True
    if draw.random() < 0.4:
        entry["move"] = [round(draw.uniform(-1, 1), 4), round(draw.uniform(-1, 1), 4)]
    elif "oval" in kinds and draw.random() < 0.6:
        frames = sorted(draw.sample(range(first + 1, first + 9), draw.randrange(1, 4)))
        size = len(entry[kind])
        entry["keys"] = [[at, *(round(draw.uniform(-0.2, 1.2), 4) for _ in range(size))] for at in frames]
    if kind == "brush" and "oval" in kinds and draw.random() < 0.5:
        entry["hard"] = draw.choice([0, 0.25, 0.5, 0.8, 1])
    return entry


def case(draw):
    frames = draw.randrange(2, 13)
    version = draw.choice([1, 2])
    kinds = ["rect", "brush"] if version == 1 else ["rect", "oval", "poly", "brush"]
    values = {"v": version}
    if draw.random() < 0.5:
        values["given"] = ",".join(str(index) for index in sorted(draw.sample(range(14), draw.randrange(0, 5))))
    values["paint"] = [stroke(draw, kinds) for _ in range(draw.randrange(4))]
    known = draw.choice(["0", "0-1,-1", "-2", "1, 0", "0 - 1"])
    settings = {"given": draw.randrange(1, frames), "every": draw.randrange(2, 6), "frame": draw.randrange(-2, 2)}
    return {
        "text": json.dumps(values) if draw.random() < 0.9 else "",
        "task": draw.choice([name for name in TASKS if name not in DRAWN]),
        "settings": {**settings, KNOWN: known},
        "size": [frames, draw.choice([8, 13, 24]), draw.choice([8, 16, 31])],
    }


def test_python_and_javascript_agree_on_every_mask(node):
    draw = random.Random(0)
    cases = [case(draw) for _ in range(400)]
    compared = 0
    for given, theirs in zip(cases, javascript(node, cases), strict=True):
        ours = python(given)
        if ours is None or theirs == "unknown":  # a list of given frames may fit where the task itself does not
            assert ours is None or "given" not in given["text"], given
            continue
        assert theirs["mask"] == ours, given
        compared += 1
    assert compared > 300


def test_what_the_editor_writes_means_what_it_read(node):
    draw = random.Random(1)
    cases = [case(draw) for _ in range(100)]
    for given, theirs in zip(cases, javascript(node, cases), strict=True):
        if theirs != "unknown":
            assert parse_timeline(theirs["text"]) == parse_timeline(given["text"]) or given["text"] == ""


BOX = [0, 0, 1, 1]
REFUSED = [
    "{",
    "[]",
    "7",
    "null",
    '"v"',
    '{"v": 3}',
    '{"v": "1"}',
    '{"v": true}',
    '{"given": "0"}',
    *(
        json.dumps({"v": 2, **values})
        for values in (
            {"given": "3-1"},
            {"given": "x"},
            {"given": 5},
            {"given": "0-1000000"},
            {"given": "0-999999,0"},
            {"given": "9" * 400},
            {"paint": None},
            {"paint": {"on": "0", "rect": BOX}},
            {"paint": [3]},
            {"paint": [{"rect": BOX}]},
            {"paint": [{"on": "", "rect": BOX}]},
            {"paint": [{"on": "0,2", "rect": BOX}]},
            {"paint": [{"on": "0"}]},
            {"paint": [{"on": "0", "rect": [0, 0, 1]}]},
            {"paint": [{"on": "0", "rect": [*BOX, 0, 0]}]},
            {"paint": [{"on": "0", "rect": [0, 0, 1, "1"]}]},
            {"paint": [{"on": "0", "rect": [0, 0, 1, True]}]},
            {"paint": [{"on": "0", "rect": [0, 0, 1, 1001]}]},
            {"paint": [{"on": "0", "rect": [0, 0, 1, float("inf")]}]},
            {"paint": [{"on": "0", "rect": [0, 0, 1, float("nan")]}]},
            {"paint": [{"on": "0", "oval": [0, 0]}]},
            {"paint": [{"on": "0", "poly": BOX}]},
            {"paint": [{"on": "0", "brush": [], "r": 0.1}]},
            {"paint": [{"on": "0", "brush": [0, 0, 1], "r": 0.1}]},
            {"paint": [{"on": "0", "brush": [0, 0]}]},
            {"paint": [{"on": "0", "brush": [0, 0], "r": None}]},
            {"paint": [{"on": "0", "brush": [0, 0], "r": 0.1, "hard": 1.5}]},
            {"paint": [{"on": "0", "brush": [0, 0], "r": 0.1, "hard": "soft"}]},
            {"paint": [{"on": "0", "brush": [0.5] * 200_002, "r": 0.1}]},
            {"paint": [{"on": "0", "rect": BOX, "move": 1}]},
            {"paint": [{"on": "0", "rect": BOX, "move": [1]}]},
            {"paint": [{"on": "0", "rect": BOX, "move": [0, 0], "keys": [[1, *BOX]]}]},
            {"paint": [{"on": "2-4", "rect": BOX, "keys": [[2, *BOX]]}]},
            {"paint": [{"on": "2-4", "rect": BOX, "keys": [[4, *BOX], [3, *BOX]]}]},
            {"paint": [{"on": "2-4", "rect": BOX, "keys": [[3, 0, 0]]}]},
            {"paint": [{"on": "2-4", "rect": BOX, "keys": [[3.5, *BOX]]}]},
            {"paint": [{"on": "2-4", "rect": BOX, "keys": [[]]}]},
            {"paint": [{"on": "2-4", "rect": BOX, "keys": {}}]},
            {"paint": [{"on": "2-4", "rect": BOX, "keys": [[1000000, *BOX]]}]},
        )
    ),
    '{"v": 1, "paint": [{"on": "0", "oval": [0, 0, 1, 1]}]}',
]


def test_both_refuse_what_is_no_timeline(node):
    settings = {"given": 1, "every": 2, "frame": 0, KNOWN: "0"}
    cases = [{"text": text, "task": "predict", "settings": settings, "size": [4, 8, 8]} for text in REFUSED]
    read = zip(REFUSED, javascript(node, cases), strict=True)
    assert [text for text, found in read if found != "unreadable"] == []
    for text in REFUSED:
        with pytest.raises(ValueError, match="the timeline cannot be read"):
            parse_timeline(text)


def test_a_text_of_the_first_version_means_what_it_meant(node):
    """Keys that it did not know say nothing in it, and it is written again as it was."""
    entry = {"on": "0-3", "brush": [0.5, 0.5], "r": 0.25}
    plain = {"v": 1, "paint": [entry]}
    odd = {"v": 1, "paint": [{**entry, "hard": 0.1, "keys": [[2, 0, 0]]}]}
    assert parse_timeline(json.dumps(odd)) == parse_timeline(json.dumps(plain))
    settings = {"given": 1, "every": 2, "frame": 0, KNOWN: "0"}
    cases = [
        {"text": json.dumps(values), "task": "predict", "settings": settings, "size": [4, 8, 8]}
        for values in (odd, plain)
    ]
    first, second = javascript(node, cases)
    assert first == second and json.loads(first["text"]) == plain


def test_both_know_the_same_bounds():
    text = (EDITOR / "text.js").read_text(encoding="utf-8")
    found = re.search(r"BOUNDS = \{ frames: (\d+), points: (\d+), coordinate: (\d+) \}", text)
    assert tuple(map(int, found.groups())) == (bounds.MAX_FRAMES, bounds.MAX_POINTS, int(bounds.MAX_COORDINATE))


def test_the_editor_says_why_a_task_cannot_run(node):
    """It says so where the library refuses, and only there."""
    settings = [
        {"given": given, "every": every, "frame": frame, KNOWN: known}
        for given, every, frame, known in (
            (12, 4, 0, "0-11"),
            (20, 16, 12, "12"),
            (1, 2, -13, "x"),
            (11, 3, 11, ""),
            (3, 11, 3, "0,-1"),
        )
    ]
    names = [name for name in TASKS if name not in DRAWN]
    wrong = []
    for size in ([12, 8, 8], [1, 8, 8], [2, 8, 8]):
        cases = [
            {"text": '{"v": 1, "given": ""}', "task": name, "settings": each, "size": size}
            for name in names
            for each in settings
        ]
        for case, theirs in zip(cases, javascript(node, cases), strict=True):
            if (theirs["problem"] is None) != (python({**case, "text": ""}) is not None):
                wrong.append((case, theirs["problem"]))
    assert wrong == []


def test_the_editor_knows_every_task_of_the_table(node):
    """Of each task, in the order of the table, and with many settings: the same mask, or a word that it cannot tell."""
    settings = [
        {"given": given, "every": every, "frame": frame, KNOWN: known}
        for given, every, frame, known in (
            (8, 4, 0, "0-3,-1"),
            (1, 2, -1, "5"),
            (11, 16, 7, "0-10"),
            (3, 5, -12, "2, 4 - 6"),
        )
    ]
    cases = [{"text": "", "task": name, "settings": each, "size": [12, 8, 8]} for name in TASKS for each in settings]
    wrong = []
    for given, theirs in zip(cases, javascript(node, cases), strict=True):
        expected = "unknown" if given["task"] in DRAWN else python(given)
        if (theirs if theirs == "unknown" else theirs["mask"]) != expected:
            wrong.append(given)
    assert wrong == []


def test_the_editor_watches_the_settings_of_the_table():
    """The widgets that set the frames of a task, in the order in which the table first names them."""
    source = (EDITOR / "frames.js").read_text(encoding="utf-8")
    watched = json.loads(re.search(r"const SETTINGS = (\[.*?\]);", source)[1])
    settings = [TASKS[name].setting for name in TASKS if name not in DRAWN]
    named = dict.fromkeys(KNOWN if name == "given_frames" else name for name in settings if name is not None)
    assert watched == ["task", *named]
    assert json.loads(re.search(r"const DRAWN = (\[.*?\]);", source)[1]) == list(DRAWN)


def test_the_editor_hides_what_a_task_does_not_read():
    """Its table of widgets by task is the library's."""
    table = re.search(r"const READ = \{(.*?)\};", (EDITOR / "frames.js").read_text(encoding="utf-8"), re.DOTALL)[1]
    read = {name: json.loads(found) for name, found in re.findall(r"(\w+): (\[.*?\]),", table)}
    expected = {}
    for name, task in TASKS.items():
        setting = "seed" if name in DRAWN else KNOWN if task.setting == "given_frames" else task.setting
        expected[name] = [setting] if setting else []
    assert read == expected
