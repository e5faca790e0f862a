"""The functions of the timeline that need no page: edits, choice of frames, views, keys, files of the graph, words."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EDITOR = ROOT / "web/js/timeline"
SCRIPTS = sorted((ROOT / "web/js").rglob("*.js"))
RECT = {"on": [2, 6], "rect": [0, 0, 0.5, 0.5]}
KEYED = {**RECT, "keys": [[6, 0.4, 0, 0.9, 0.5]]}


@pytest.fixture(scope="module")
def call():
    """Call functions of the editor's code by module, name and arguments."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node to run the editor's code")

    def run(*calls):
        command = [node, str(Path(__file__).parent / "pure.mjs"), str(EDITOR)]
        done = subprocess.run(
            command, input=json.dumps(calls), capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def rounded(value):
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list) else value


# ---- Edits -----------------------------------------------------------------------------------------------------------


def test_a_stroke_keeps_its_outlines_when_its_frames_change(call):
    """Trimmed, cut in two, moved in time: on every frame that stays it is where it was."""
    old = {**RECT, "move": [0.4, 0]}
    changed = call(
        ["edit", "trimmed", [old, [4, 6]]],
        ["edit", "trimmed", [old, [2, 4]]],
        ["edit", "trimmed", [KEYED, [0, 6]]],
        ["edit", "delayed", [KEYED, 3]],
        ["edit", "delayed", [KEYED, -9]],
        ["edit", "cut", [{"given": None, "paint": [old]}, [4]]],
    )
    cases = [(changed[0], 0, (4, 5, 6)), (changed[1], 0, (2, 3, 4)), (changed[2], 0, (2, 3, 4, 5, 6))]
    cases += [(changed[3], 3, (2, 4, 6)), (changed[4], -2, (2, 4, 6))]
    cases += [(each, 0, range(each["on"][0], each["on"][1] + 1)) for each in changed[5]["timeline"]["paint"]]
    assert [each["on"] for each in changed[5]["timeline"]["paint"]] == [[2, 3], [5, 6]] and changed[5]["touched"] == 1
    for stroke, by, frames in cases:
        for frame in frames:
            now, before = call(["outline", "outlineAt", [stroke, frame + by]], ["outline", "outlineAt", [old, frame]])
            assert rounded(now) == rounded(before), (stroke, frame)


def test_keyframes_come_and_go(call):
    box = [0.1, 0.1, 0.2, 0.2]
    keyed, first, base, gone, moved, whole, alone = call(
        ["edit", "keyed", [KEYED, 4, box]],
        ["edit", "keyed", [KEYED, 2, box]],
        ["edit", "unkeyed", [KEYED, 2]],
        ["edit", "unkeyed", [KEYED, 6]],
        ["edit", "moved", [KEYED, [0.1, 0.2]]],
        ["edit", "reshaped", [RECT, 4, box, False]],
        ["edit", "reshaped", [{**RECT, "on": [4, 4]}, 4, box, True]],
    )
    assert [key[0] for key in keyed["keys"]] == [4, 6] and keyed["rect"] == RECT["rect"]
    assert first["rect"] == box and len(first["keys"]) == 1
    assert base["rect"] == KEYED["keys"][0][1:] and "keys" not in base
    assert gone == RECT
    assert rounded(moved["rect"]) == [0.1, 0.2, 0.6, 0.7] and rounded(moved["keys"][0]) == [6, 0.5, 0.2, 1.0, 0.7]
    assert whole == {**RECT, "rect": box} and alone == {"on": [4, 4], "rect": box}  # one frame needs no keyframe


def test_shapes_are_copied_and_pasted(call):
    paint = [KEYED, {"on": [0, 0], "brush": [0.5, 0.5], "r": 0.1}]
    timeline = {"given": None, "paint": paint}
    part, whole = call(["edit", "copied", [timeline, [4, 5]]], ["edit", "copied", [timeline, [4], 0]])
    assert [each["on"] for each in part["paint"]] == [[0, 1]] and [each["on"] for each in whole["paint"]] == [[0, 4]]
    there, beyond = call(["edit", "pasted", [timeline, part, 9, 16]], ["edit", "pasted", [timeline, part, 16, 16]])
    assert [each["on"] for each in there["paint"]] == [[2, 6], [0, 0], [9, 10]]
    assert beyond["paint"] == paint
    assert rounded(there["paint"][2]["rect"]) == [0.2, 0, 0.7, 0.5]


def test_a_click_finds_the_newest_shape(call):
    timeline = {"given": None, "paint": [RECT, {"on": [0, 9], "oval": [0.2, 0.2, 0.8, 0.8], "erase": True}]}
    size = {"width": 64, "height": 64}
    at = [(4, [0.3, 0.3]), (4, [0.05, 0.05]), (4, [0.95, 0.95]), (0, [0.05, 0.05])]
    assert call(*(["edit", "shapeAt", [timeline, frame, point, size]] for frame, point in at)) == [1, 0, -1, -1]


def test_an_outline_changes_into_another_without_turning(call):
    square = [0, 0, 1, 0, 1, 1, 0, 1]
    (turned,) = call(["outline", "matched", [[1, 1, 0, 1, 0, 0, 1, 0], square, "poly"]])
    assert turned == square
    (line,) = call(["outline", "matched", [[1, 0, 0, 0], [0, 0, 0.5, 0, 1, 0], "brush"]])
    assert rounded(line) == [0, 0, 0.5, 0, 1, 0]


# ---- Frames and views ------------------------------------------------------------------------------------------------


def test_frames_are_chosen(call):
    one, several, added, taken, last, stepped, all_, cut = call(
        ["selection", "select", [3]],
        ["selection", "extend", [{"frames": [3], "cursor": 3, "anchor": 3}, 5]],
        ["selection", "toggle", [{"frames": [3, 4], "cursor": 3, "anchor": 3}, 9]],
        ["selection", "toggle", [{"frames": [3, 4], "cursor": 3, "anchor": 3}, 4]],
        ["selection", "toggle", [{"frames": [3], "cursor": 3, "anchor": 3}, 3]],
        ["selection", "step", [{"frames": [3], "cursor": 3, "anchor": 3}, -9, 16, False]],
        ["selection", "all", [{"frames": [3], "cursor": 3, "anchor": 3}, 4]],
        ["selection", "clamp", [{"frames": [3, 20], "cursor": 20, "anchor": 20}, 16]],
    )
    assert one["frames"] == [3] and several["frames"] == [3, 4, 5] and added["frames"] == [3, 4, 9]
    assert taken["frames"] == [3] and last["frames"] == [3] and stepped["cursor"] == 0
    assert all_["frames"] == [0, 1, 2, 3] and cut == {"frames": [3], "cursor": 15, "anchor": 15}


def test_the_strip_zooms_about_a_place_and_stays_within_the_clip(call):
    whole = {"first": 0, "span": 1000}
    closer, far, left, most, bars = call(
        ["view", "zoomStrip", [whole, 1000, 0.5, 10]],
        ["view", "zoomStrip", [whole, 1000, 0.5, 0.1]],
        ["view", "scrollStrip", [{"first": 450, "span": 100}, 1000, -900]],
        ["view", "zoomStrip", [whole, 1000, 0.3, 1e9]],
        ["view", "lanes", [[RECT, {"on": [0, 1]}, {"on": [1, 3]}], 3]],
    )
    assert closer == {"first": 450, "span": 100} and far == whole and left == {"first": 0, "span": 100}
    assert most["span"] == 4 and 298 < most["first"] < 301
    assert bars == [[2], [1, 0]]
    assert call(["view", "frameAt", [closer, 1000, 0.5]], ["view", "frameAt", [closer, 1000, 2]]) == [500, 650]


def test_the_picture_zooms_about_the_pointer(call):
    size, whole = {"width": 64, "height": 64}, {"zoom": 1, "x": 0.5, "y": 0.5}
    (place,) = call(["view", "placePicture", [whole, size, 200, 100]])
    assert (place["left"], place["top"], place["width"]) == (50, 0, 100)
    (before,) = call(["view", "toPicture", [place, 80, 30]])
    (closer,) = call(["view", "zoomStage", [whole, place, [80, 30], 2]])
    (there,) = call(["view", "placePicture", [closer, size, 200, 100]])
    (after,) = call(["view", "toPicture", [there, 80, 30]])
    assert closer["zoom"] == 2 and rounded(after) == rounded(before)
    (far,) = call(["view", "panStage", [closer, there, 1e6, -1e6]])
    assert far == {"zoom": 2, "x": 0.25, "y": 0.75}


def test_the_state_of_each_frame(call):
    timeline = {
        "given": None,
        "paint": [{"on": [1, 4], "rect": [0, 0, 1, 1]}, {"on": [2, 5], "rect": [0, 0, 0.5, 1], "erase": True}],
    }
    bases = [False, False, True, None, "partly", None, "partly"]
    size = {"width": 64, "height": 64, "count": 7}
    (states,) = call(["states", "frameStates", [timeline, bases, size]])
    assert states == ["given", "generated", "partly", "partly", "partly", "partly", "partly"]


def test_keys_say_what_they_do_and_leave_the_rest_to_the_editor(call):
    keys = [
        ({"key": "r"}, ["tool", "rect"]),
        ({"key": "E"}, ["flip", "erase"]),
        ({"key": " "}, ["toggle"]),
        ({"key": "ArrowLeft", "shiftKey": True}, ["step", -1, True]),
        ({"key": "Delete", "shiftKey": True}, ["remove", True]),
        ({"key": "c", "ctrlKey": True}, ["copy"]),
        ({"key": "a", "metaKey": True}, ["all"]),
        ({"key": "z", "ctrlKey": True}, None),
        ({"key": "z", "ctrlKey": True, "shiftKey": True}, None),
        ({"key": "r", "altKey": True}, None),
        ({"key": "F5"}, None),
        ({"key": "q"}, None),
    ]
    assert call(*(["keys", "commandOf", [event]] for event, _ in keys)) == [command for _, command in keys]


# ---- Files of the graph ----------------------------------------------------------------------------------------------


def test_the_names_of_files_are_read_as_widgets_write_them(call):
    names = ["clip.mp4", "own/clip.mp4", "a b.png [output]", "x/y/z.webm [temp]"]
    assert call(*(["sources", "fileOf", [name]] for name in names)) == [
        {"filename": "clip.mp4", "subfolder": "", "type": "input"},
        {"filename": "clip.mp4", "subfolder": "own", "type": "input"},
        {"filename": "a b.png", "subfolder": "", "type": "output"},
        {"filename": "z.webm", "subfolder": "x/y", "type": "temp"},
    ]


def test_pictures_are_fitted_as_the_nodes_fit_them(call):
    crop, fit, stretch = call(
        *(["sources", "fitBox", [mode, 200, 100, [0, 0, 64, 64]]] for mode in ("crop", "fit", "stretch"))
    )
    assert crop == {"from": [50, 0, 100, 100], "to": [0, 0, 64, 64]}
    assert fit == {"from": [0, 0, 200, 100], "to": [0, 16, 64, 32]}
    assert stretch == {"from": [0, 0, 200, 100], "to": [0, 0, 64, 64]}


def test_a_frame_of_a_video_is_looked_for_at_its_time(call):
    file = {"duration": 2, "own": 20}
    own, slow, past = call(
        ["sources", "secondOf", [10, {"start": 0, "rate": 0}, file]],
        ["sources", "secondOf", [10, {"start": 0.5, "rate": 10}, file]],
        ["sources", "secondOf", [40, {"start": 0, "rate": 0}, file]],
    )
    assert 0.5 < own < 0.55 and 1.5 < slow < 1.505 and past is None
    rates = ([0, 0.05, 0.1], [0, 1 / 29.97, 3 / 29.97], [0], [0, 0.0417, 0.0834])
    assert call(*(["pictures", "rateFrom", [times]] for times in rates)) == [20, 29.97, 24, 23.976]


def test_the_size_follows_the_file_where_the_graph_leaves_it_open(call):
    file = {"count": 40, "width": 200, "height": 100}
    plan = {"count": 16, "width": 64, "height": 0}
    made = call(
        ["sources", "sizeOf", [plan, file]],
        ["sources", "sizeOf", [{"count": 0, "width": 0, "height": 0}, file]],
        ["sources", "sizeOf", [None, None]],
    )
    assert made == [
        {"count": 16, "width": 64, "height": 32},
        file,
        {"count": 16, "width": 64, "height": 64},
    ]


# ---- The whole -------------------------------------------------------------------------------------------------------


def test_every_text_has_its_chinese_twin(call):
    """What is said through `say` or shown by a button, in all files of the timeline."""
    said = set()
    for path in EDITOR.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        said |= set(re.findall(r'say\("([^"]+)"', text))
        if path.name == "panel.js":
            said |= set(re.findall(r'"([A-Z][^"]{2,})"', text)) - {"INPUT"}
        if path.name == "summary.js":
            said |= set(re.findall(r'(?:full|beyond|unreadable): "([^"]+)"', text))
    (known,) = call(["words", "WORDS", []])
    assert said - set(known) == set()
    assert len(said) > 50


def test_files_are_small_and_one_of_each_folder_registers():
    sizes = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in SCRIPTS}
    assert {name: lines for name, lines in sizes.items() if lines > 400} == {}
    registering = [
        path.name for path in EDITOR.glob("*.js") if "registerExtension(" in path.read_text(encoding="utf-8")
    ]
    assert registering == ["extension.js"]


def test_a_module_does_nothing_when_it_is_loaded():
    """The editor loads every file below web/ by itself: all but those that register can be loaded without a page."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node to run the editor's code")
    plain = [path for path in SCRIPTS if "scripts/app.js" not in path.read_text(encoding="utf-8")]
    lines = "\n".join(f"await import({json.dumps(path.as_uri())});" for path in plain)
    done = subprocess.run(
        [node, "--input-type=module"], input=lines, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0 and done.stdout == "", done.stderr
