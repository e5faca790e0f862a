# ruff: noqa: RUF001
"""What the mask timeline can do: pictures before a run, brush, keyframes, long clips, copies, words."""

import re
import time
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys
from timeline_page import NODE, TimelinePage

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1800)]

RENDERERS = ["classic", "vue"]
CLIP = Path(__file__).parents[2] / "samples/clips/two_balls.mp4"
TASKS = {
    "predict": {"given"},
    "backward": {"given"},
    "interpolate": {"every"},
    "image_to_video": {"frame"},
    "frames": {"known"},
    "spatial": {"seed", "control_after_generate"},
    "random": {"seed", "control_after_generate"},
    "unconditional": set(),
}
TOOLS = ("oval", "poly", "brush", "move", "rect", "erase", "animate", "onion", "peek")  # of the keys o l b m r e k n h
OPTIONAL = {"given", "every", "frame", "known", "seed", "control_after_generate", "policy"}


def upload(host, path, name):
    """A file into the host's input folder, as the editor sends it."""
    import urllib.request

    border = "----timeline"
    head = f'--{border}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n\r\n'
    body = head.encode() + path.read_bytes() + f"\r\n--{border}--\r\n".encode()
    query = urllib.request.Request(f"{host.url}/upload/image", data=body)
    query.add_header("Content-Type", f"multipart/form-data; boundary={border}")
    urllib.request.urlopen(query, timeout=60).read()


def source(page, kind, widget, file, slot, target):
    """Let VDT Encode read a file instead of the sample clip."""
    script = """
    const [kind, widget, file, slot, target] = arguments, graph = window.app.graph;
    const node = LiteGraph.createNode(kind), encode = graph._nodes.find(n => n.type === 'VDTEncode');
    node.pos = [0, -900];
    graph.add(node);
    const found = node.widgets.find(w => w.name === widget);
    if (Array.isArray(found.options?.values) && !found.options.values.includes(file)) found.options.values.push(file);
    found.value = file;
    for (const name of ['images', 'video']) encode.disconnectInput(encode.inputs.findIndex(i => i.name === name));
    node.connect(slot, encode, encode.inputs.findIndex(i => i.name === target));
    """
    page.editor.run(script, kind, widget, file, slot, target)


# ---- Pictures --------------------------------------------------------------------------------------------------------


def test_a_sample_clip_is_seen_before_any_run(page):
    page.until_says("pictures of the file")
    page.until_picture("stage")
    page.until_picture("strip", (0, 0, 0.45, 0.6))
    first = page.colors("stage", (0.2, 0.2, 0.8, 0.8))["mean"]
    page.editor.set_widget("VDTSampleClip", "clip", "two_balls")
    page.editor.until(
        lambda: (
            sum(abs(a - b) for a, b in zip(first, page.colors("stage", (0.2, 0.2, 0.8, 0.8))["mean"], strict=True)) > 20
        ),
        "the other clip",
        20,
    )


def test_a_picture_is_seen_before_any_run_and_only_where_it_stands(page, tmp_path):
    from PIL import Image

    picture = Image.effect_mandelbrot((300, 200), (-2, -1, 1, 1), 60).convert("RGB")
    picture.save(tmp_path / "own.png")
    upload(page.editor.host, tmp_path / "own.png", "timeline own.png")
    source(page, "LoadImage", "image", "timeline own.png", 0, "images")
    page.editor.set_widget("VDTMask", "given", 1)
    page.until_picture("stage", colors=15)
    page.editor.set_widget("VDTMask", "given", 3)
    page.frame(2)
    assert page.colors("stage", (0.3, 0.3, 0.45, 0.45))["colors"] < 10  # the picture is frame 0; the others are grey


def test_a_video_is_seen_before_any_run(page):
    upload(page.editor.host, CLIP, "timeline clip.mp4")
    source(page, "LoadVideo", "file", "timeline clip.mp4", 0, "video")
    page.until_picture("stage")
    page.until_picture("strip", (0, 0, 0.45, 0.6))
    seen = {}
    for frame in (0, 7):
        page.frame(frame)
        page.until_picture("stage")
        seen[frame] = page.colors("stage", (0.0, 0.4, 1.0, 1.0))["mean"]
    assert seen[0] != seen[7]
    page.editor.set_widget("VDTEncode", "start", 0.25)  # five frames of the file's twenty a second
    page.editor.set_widget("VDTMask", "given", 15)
    page.until_says("given 0–14")
    page.frame(3)
    page.until_picture("stage")
    page.until_picture("strip", (0, 0, 0.6, 0.6))
    page.frame(12)
    page.editor.until(lambda: page.colors("stage", (0.3, 0.3, 0.45, 0.45))["colors"] < 10, "grey past its end", 60)


def test_what_is_generated_is_striped_and_its_truth_hidden(page):
    page.frame(12)
    hidden = page.striped()
    assert sum(hidden) > 0.9 * len(hidden)
    truth = page.colors("stage", (0, 0, 1, 1))
    page.press("peek")
    page.editor.until(lambda: page.colors("stage", (0, 0, 1, 1))["colors"] > 2 * truth["colors"], "the source", 60)


def test_a_mask_that_is_connected_is_shown_after_its_run(page):
    """Strokes lie on what really ran: a task inside a mask, and random blocks."""
    editor = page.editor
    editor.set_widget("VDTMask", "task", "spatial")
    editor.set_widget("VDTMask", "seed", time.time_ns() % 2**31)  # older hosts are silent about what they have cached
    page.until_says("0–15 decided in the run")
    ran = page.run_and_read()
    page.until_says("partly 0–15")
    page.frame(4)
    striped = page.striped()
    overlap = sum(a and b for a, b in zip(striped, ran[4], strict=True))
    assert overlap > 0.85 * sum(ran[4]) and sum(striped) < 1.3 * sum(ran[4])
    editor.set_widget("VDTMask", "seed", 5)
    page.until_says("0–15 decided in the run")


# ---- Tools -----------------------------------------------------------------------------------------------------------


def test_the_brush_has_a_size_a_hardness_and_a_ring(page):
    page.press("brush")
    page.brush(size=0.2, hard=0.4)
    page.frame(1)
    plain = page.colors("stage", (0, 0, 0.3, 0.3))["colors"]
    page.hover("stage", (0.2, 0.2))
    page.editor.until(lambda: page.colors("stage", (0, 0, 0.3, 0.3))["colors"] > plain + 5, "the ring", 60)
    (stroke,) = page.draw((0.5, 0.5), (0.52, 0.5))
    assert (stroke["r"], stroke["hard"], stroke["on"]) == (0.2, 0.4, "1") and page.value["v"] == 2
    page.keys("]", "{")
    (wider,) = page.draw((0.2, 0.8), (0.3, 0.8))
    assert wider["r"] == 0.25 and wider["hard"] == 0.3
    page.press("erase")
    (erased,) = page.draw((0.5, 0.5), (0.6, 0.5))
    assert erased["erase"] is True


def test_the_picture_is_zoomed_and_moved(page):
    page.press("rect")
    page.frame(1)
    for _ in range(4):
        page.wheel("stage", (0.5, 0.5), -200)
    (stroke,) = page.draw((0.25, 0.25), (0.75, 0.75))
    zoom = 0.5 / (stroke["rect"][2] - stroke["rect"][0])
    assert 5 < zoom <= 16.5
    page.drag("stage", (0.5, 0.5), (0.75, 0.5), keys=(Keys.SHIFT,))
    (moved,) = page.draw((0.25, 0.25), (0.75, 0.75))
    assert moved["rect"][0] == pytest.approx(stroke["rect"][0] - 0.25 / zoom, abs=0.02)
    page.press("fit")
    (whole,) = page.draw((0.25, 0.25), (0.75, 0.75))
    assert whole["rect"] == pytest.approx([0.25, 0.25, 0.75, 0.75], abs=0.03)


def test_a_shape_moves_and_changes_between_keyframes(page):
    page.press("oval")
    page.frames(0, 7)
    page.draw((0.1, 0.1), (0.3, 0.3))
    page.press("move")
    page.press("animate")
    page.press("onion")
    page.frame(4)
    page.drag("stage", (0.2, 0.2), (0.5, 0.5))
    moved = page.wait(lambda value: "keys" in value["paint"][0], "a keyframe")["paint"][0]
    assert [key[0] for key in moved["keys"]] == [4] and moved["on"] == "0-7" and moved["oval"][0] < 0.15
    assert moved["keys"][0][1] == pytest.approx(0.4, abs=0.03)
    page.until_says("keyframe at frame 4")
    page.frame(7)
    page.drag("stage", (0.6, 0.6), (0.9, 0.9))  # a corner of it
    wider = page.wait(lambda value: len(value["paint"][0]["keys"]) == 2, "a second one")["paint"][0]["keys"][1]
    assert wider[0] == 7 and wider[3] - wider[1] == pytest.approx(0.5, abs=0.05)
    page.frame(2)  # halfway
    assert page.editor.run("return arguments[0].querySelectorAll('canvas')[2].clientHeight", page.seen()) >= 11
    page.frame(4)
    page.keys("DELETE")
    page.wait(lambda value: [key[0] for key in value["paint"][0]["keys"]] == [7], "one keyframe less")
    page.until_says("keyframe removed at frame 4")


def test_a_lasso_changes_into_another_outline(page):
    page.press("poly")
    page.frames(0, 7)
    (first,) = page.draw((0.2, 0.2), (0.5, 0.2), (0.5, 0.5), (0.2, 0.5), (0.2, 0.22))
    page.press("animate")
    page.frame(6)
    page.drag("stage", (0.5, 0.4), (0.9, 0.4), (0.7, 0.9), (0.5, 0.45))
    (changed,) = page.wait(lambda value: "keys" in value["paint"][0], "another outline")["paint"]
    assert changed["poly"] == first["poly"] and len(changed["keys"][0]) == 1 + len(first["poly"])
    page.until_says("shape changed at frame 6")


def test_bars_move_shapes_in_time(page):
    page.press("rect")
    page.frames(2, 4)
    page.draw((0.4, 0.4), (0.6, 0.6))
    page.drag("lanes", (3.5 / 16, 0.4), (8.5 / 16, 0.4))
    page.wait(lambda value: value["paint"][0]["on"] == "7-9", "five frames later")
    page.drag("lanes", (10 / 16, 0.4), (13.5 / 16, 0.4))
    page.wait(lambda value: value["paint"][0]["on"] == "7-13", "a later end")


def test_delete_takes_shapes_from_the_chosen_frames_and_says_so(page):
    page.press("rect")
    page.frames(0, 6)
    page.draw((0.1, 0.1), (0.4, 0.4))
    page.draw((0.5, 0.5), (0.9, 0.9))
    page.frame(3)
    page.keys("DELETE")
    page.wait(lambda value: [each["on"] for each in value["paint"]] == ["0-2", "4-6", "0-2", "4-6"], "shapes but there")
    page.until_says("removed from frames 3: 2 shapes")
    page.keys("DELETE")
    page.until_says("there is no shape on frames 3")
    page.frame(5)
    page.keys("DELETE", held=(Keys.SHIFT,))
    page.wait(lambda value: [each["on"] for each in value["paint"]] == ["0-2", "0-2"], "the whole shapes gone")


def test_frames_are_chosen_one_by_one_and_shapes_copied(page):
    page.press("rect")
    page.frame(1)
    page.drag("strip", (4.5 / 16, 0.3), keys=(Keys.SHIFT,))
    page.until_says("frames 1–4 of")
    page.drag("strip", (9.5 / 16, 0.3), keys=(Keys.CONTROL,))
    page.drag("strip", (2.5 / 16, 0.3), keys=(Keys.CONTROL,))
    page.until_says("frames 1,3–4,9 of")
    assert [each["on"] for each in page.draw((0.2, 0.2), (0.5, 0.5))] == ["1", "3-4", "9"]
    page.frames(3, 4)
    page.keys("c", held=(Keys.CONTROL,))
    page.until_says("copied: 1 shape")
    page.frame(12)
    page.keys("v", held=(Keys.CONTROL,))
    page.wait(lambda value: [each["on"] for each in value["paint"]] == ["1", "3-4", "9", "12-13"], "the copy")
    page.keys("a", held=(Keys.CONTROL,))
    page.until_says("frames 0–15 of")
    page.keys(" ")
    page.wait(lambda value: value["given"] in ("", "0-15"), "all frames at once")
    assert "VDTMask" in page.editor.nodes()


def test_a_thousand_frames_are_zoomed_played_and_scrubbed(page):
    editor = page.editor
    editor.set_widget("VDTEncode", "length", 1000)
    page.until_says("of 1000")
    page.drag("strip", (0.5, 0.3))
    frame = r"frame (\d+) of 1000"
    page.editor.until(lambda: 490 < int(re.search(frame, page.says[0])[1]) < 510, "a frame in the middle", 60)
    for _ in range(12):
        page.wheel("strip", (0.5, 0.3), -150)
    page.drag("strip", (0.03, 0.3), (0.97, 0.3))  # on the edge itself a pointer may stand beside the canvas
    chosen = editor.until(lambda: re.search(r"frames (\d+)–(\d+) of 1000", page.says[0]), "several frames", 60)
    first, last = map(int, chosen.groups())
    assert last - first < 30 and 450 < first < last < 550
    page.press("rect")
    page.draw((0.2, 0.2), (0.5, 0.5))
    page.press("fit")
    page.keys("HOME")
    page.until_says("frame 0 of 1000")
    before = page.colors("stage", (0, 0, 1, 1))
    page.hover("strip", (0.9, 0.3))
    editor.until(lambda: page.colors("stage", (0, 0, 1, 1)) != before, "the frame under the pointer", 60)
    page.hover("stage", (0.5, 0.5))
    page.press("play")
    label = "return arguments[0].querySelector('[data-tool=play]').innerText"
    editor.until(lambda: "❚❚" in editor.run(label, page.seen()), "play", 10)
    page.press("play")


def test_fingers_draw_and_zoom(page):
    page.press("rect")
    page.fingers("strip", [(2.5 / 16, 0.3), (2.5 / 16, 0.3)])
    page.until_says("frame 2 of")
    page.fingers("stage", [(0.2, 0.2), (0.4, 0.4), (0.6, 0.6)])
    page.wait(lambda value: value["paint"][0]["on"] == "2", "a shape")
    apart = [[(0.5 - 0.05 * step, 0.5) for step in range(1, 7)], [(0.5 + 0.05 * step, 0.5) for step in range(1, 7)]]
    page.fingers("stage", *apart)
    assert len(page.value["paint"]) == 1  # two fingers draw nothing
    page.fingers("stage", [(0.25, 0.25), (0.5, 0.5), (0.75, 0.75)])
    second = page.wait(lambda value: len(value["paint"]) == 2, "a shape, closer")["paint"][1]["rect"]
    assert second[2] - second[0] < 0.3


# ---- Words -----------------------------------------------------------------------------------------------------------


def test_only_what_a_task_reads_is_shown(page):
    rows = "return [...document.querySelectorAll('.lg-node-widget, [data-testid=node-widget]')].map(e => e.innerText)"
    for task, read in TASKS.items():
        page.editor.set_widget("VDTMask", "task", task)
        wanted = OPTIONAL - read
        page.editor.until(lambda wanted=wanted: page.hidden_widgets() & OPTIONAL == wanted, f"widgets of {task}", 60)
    assert page.editor.prompt() and page.editor.run(rows) is not None
    values = page.editor.run(f"{NODE} return node.serialize().widgets_values.length")
    assert values == 9  # hidden ones are saved as before


def test_a_task_that_cannot_run_says_why(page):
    editor = page.editor
    editor.set_widget("VDTMask", "given", 60)
    page.until_says("nothing left to generate")
    editor.set_widget("VDTMask", "given", 8)
    page.until_says("given 0–7")
    editor.set_widget("VDTMask", "task", "frames")
    editor.set_widget("VDTMask", "known", "0-40")
    page.until_says("beyond the clip of 16 frames")
    editor.set_widget("VDTMask", "known", "first")
    page.until_says("cannot be read")


def test_every_tool_has_a_word_and_a_tooltip_and_is_reached_by_keys(page):
    buttons = "return [...arguments[0].querySelectorAll('button')].map(b => [b.innerText, b.title, b.dataset.tool])"
    for text, title, _ in page.editor.run(buttons, page.seen()):
        assert len(text.split()) >= 2 and len(title) > 10, text
    page.drag("strip", (1.5 / 16, 0.3))
    for key, tool in zip("olbmreknh", TOOLS, strict=True):
        page.keys(key)
        pressed = f"return arguments[0].querySelector('[data-tool={tool}]').getAttribute('aria-pressed')"
        page.editor.until(lambda pressed=pressed: page.editor.run(pressed, page.seen()) == "true", tool, 10)
    cut = "return [...arguments[0].querySelectorAll('div')].slice(1).some(e => e.scrollHeight > e.clientHeight + 1)"
    assert not page.editor.run(cut, page.seen()), "a line is cut"


def test_it_speaks_chinese(editor):
    editor.host.request("/settings/Comfy.Locale", "zh")
    try:
        for renderer in RENDERERS:
            editor.open("predict", renderer)
            editor.show("VDTMask")
            page = TimelinePage(editor)
            page.until_says("给定 0–7 · 生成 8–15")
            assert "矩形" in page.seen().text
    finally:
        editor.host.request("/settings/Comfy.Locale", "en")
