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

from vdt.masks.pixel import task_mask
from vdt.masks.tasks import TASKS, make_task
from vdt.masks.timeline import apply_timeline, parse_timeline

ROOT = Path(__file__).parents[2]
MATH = ROOT / "web/js/timeline_math.js"
EDITOR = ROOT / "web/js/mask_timeline.js"
DRAWN = ("spatial", "random")  # tasks whose masks only a run can tell
KNOWN = "known"  # the widget's id, in graphs for ever, of what the library calls given_frames


@pytest.fixture(scope="module")
def node():
    found = shutil.which("node")
    if found is None:
        pytest.skip("needs node to run the editor's code")
    return found


def javascript(node, cases):
    command = [node, str(Path(__file__).parent / "masks.mjs"), str(MATH)]
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


def stroke(draw):
    first = draw.randrange(10)
    entry = {"on": f"{first}-{first + draw.randrange(6)}" if draw.random() < 0.7 else f"{first}"}
    numbers = [round(draw.uniform(-0.2, 1.2), 4) for _ in range(2 * draw.randrange(1, 5))]
    if draw.random() < 0.5:
        entry["rect"] = [round(draw.uniform(-0.1, 1.1), 4) for _ in range(4)]
    else:
        entry |= {"brush": numbers, "r": round(draw.uniform(0.01, 0.4), 4)}
    if draw.random() < 0.4:
        entry["erase"] = True
    if draw.random() < 0.4:
        entry["move"] = [round(draw.uniform(-1, 1), 4), round(draw.uniform(-1, 1), 4)]
    return entry


def case(draw):
    frames = draw.randrange(2, 13)
    values = {"v": 1}
    if draw.random() < 0.5:
        values["given"] = ",".join(str(index) for index in sorted(draw.sample(range(14), draw.randrange(0, 5))))
    values["paint"] = [stroke(draw) for _ in range(draw.randrange(4))]
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


def test_both_refuse_what_is_no_timeline(node):
    texts = ["{", "[]", '{"v": 2}', '{"v": 1, "given": "3-1"}', '{"v": 1, "given": "x"}', "7"]
    settings = {"given": 1, "every": 2, "frame": 0, KNOWN: "0"}
    cases = [{"text": text, "task": "predict", "settings": settings, "size": [4, 8, 8]} for text in texts]
    assert javascript(node, cases) == ["unreadable"] * len(texts)
    for text in texts:
        with pytest.raises(ValueError, match="the timeline cannot be read"):
            parse_timeline(text)


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
    watched = json.loads(re.search(r"const SETTINGS = (\[.*?\]);", EDITOR.read_text(encoding="utf-8"))[1])
    settings = [TASKS[name].setting for name in TASKS if name not in DRAWN]
    named = dict.fromkeys(KNOWN if name == "given_frames" else name for name in settings if name is not None)
    assert watched == ["task", *named]
