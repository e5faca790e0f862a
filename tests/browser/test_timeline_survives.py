# ruff: noqa: RUF001
"""The mask timeline is still there, and means what it shows, after whatever builds its node anew."""

import time

import pytest
from selenium.webdriver.common.keys import Keys
from timeline_page import TimelinePage

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1800)]

MASK = "const node = window.app.graph._nodes.find(n => n.type === 'VDTMask');"


def draws(page, at):
    """It takes a shape, and shows it: on the screen, not only in the text."""
    page.press("rect")
    page.frame(at)
    (stroke,) = page.draw((0.1, 0.1), (0.4, 0.3))
    assert stroke["on"] == str(at)
    page.until_says("partly")
    shown = page.striped()
    inside = [shown[64 * y + x] for y in range(9, 17) for x in range(9, 23)]
    outside = [shown[64 * y + x] for y in range(2, 62, 6) for x in range(45, 62, 4)]
    assert sum(inside) > 0.9 * len(inside) and sum(outside) < 0.2 * len(outside)


def test_it_draws_after_undo_and_redo(page):
    draws(page, 1)
    draws(page, 2)
    page.editor.undo()
    page.wait(lambda value: len(value["paint"]) == 1, "the step before")
    draws(page, 3)
    page.editor.undo()
    page.editor.undo()
    page.wait(lambda value: not value, "the first step")
    page.until_says("given 0–7 · generated 8–15")
    page.keys("y", held=(Keys.CONTROL,))
    page.wait(lambda value: value.get("paint"), "the step after")
    draws(page, 5)


def test_it_draws_after_the_graph_is_loaded_again(page):
    draws(page, 1)
    before = page.value
    page.editor.reload_graph()
    assert page.value == before
    draws(page, 2)
    page.editor.run(f"{MASK} node.configure(node.serialize())")
    draws(page, 3)


def test_it_draws_after_a_change_of_tabs(page):
    editor = page.editor
    draws(page, 1)
    before = page.value
    graph = editor.host.request(f"/api/workflow_templates/{editor.host.pack}/interpolate.json")
    editor.load(graph, "another")
    editor.show("VDTMask")
    assert page.value == {}
    page.until_says("given 0, 4, 8, 12, 15")
    draws(page, 4)
    tab = "return [...document.querySelectorAll('.workflow-label')].find(tab => tab.innerText.includes('predict'))"
    editor.run(tab).click()
    editor.until(lambda: page.value == before, "the tab before", 60)
    editor.show("VDTMask")
    page.until_says("given 0, 2–7")
    draws(page, 2)


def test_it_draws_after_it_was_collapsed(page):
    draws(page, 1)
    toggle = f"{MASK} node.collapse(); window.app.canvas.setDirty(true, true)"
    there = "return [...document.querySelectorAll(\"[aria-label^='Mask timeline']\")].some(each => each.offsetParent)"
    page.editor.run(toggle)
    page.editor.until(lambda: not page.editor.run(there), "the node without its timeline", 60)
    page.editor.run(toggle)
    draws(page, 2)


def test_a_copy_has_its_own(page):
    editor = page.editor
    draws(page, 1)
    before = page.value
    script = (
        "const c = window.app.canvas; c.copyToClipboard([node]); window.app.graph.remove(node); c.pasteFromClipboard();"
    )
    editor.run(f"{MASK} {script}")
    editor.until(lambda: page.value == before, "the copy", 60)
    link = "const from = window.app.graph._nodes.find(n => n.type === 'VDTEncode'); from.connect(1, node, 0);"
    editor.run(f"{MASK} {link}")
    editor.show("VDTMask")
    draws(page, 2)


def test_it_draws_within_a_subgraph_and_after(page):
    editor = page.editor
    if not editor.run("return typeof window.app.graph.convertToSubgraph === 'function'"):
        pytest.skip("this editor has no subgraphs")
    draws(page, 1)
    before = page.value
    editor.run(f"{MASK} const made = window.app.graph.convertToSubgraph(new Set([node])); window.inner = made.node;")
    editor.run("const c = window.app.canvas; c.openSubgraph(window.inner.subgraph, window.inner);")
    editor.until(lambda: editor.run("return window.app.canvas.graph !== window.app.graph"), "the subgraph", 60)
    inner = TimelinePage(editor)
    find = "const node = window.app.canvas.graph._nodes.find(n => n.type === 'VDTMask');"
    text = f"{find} return node.widgets.find(w => w.name === 'timeline').value"
    editor.run(
        f"{find} const {{ds}} = window.app.canvas; ds.scale = 1; ds.offset[0] = 500 - node.pos[0];"
        "ds.offset[1] = 100 - node.pos[1]; window.app.canvas.setDirty(true, true);"
    )
    inner.seen()
    inner.frame(3)
    inner.until_picture()  # it reads the file through the border of the subgraph
    inner.drag("stage", (0.5, 0.5), (0.8, 0.8))
    editor.until(lambda: '"on":"3"' in editor.run(text), "a shape within", 60)
    assert before["paint"][0]["on"] == "1" and '"on":"1"' in editor.run(text)


def test_the_mask_that_runs_is_the_one_that_is_shown(page):
    """Draw, undo, draw again, run: pixel by pixel, on every frame."""
    draws(page, 1)
    page.editor.undo()
    page.wait(lambda value: not value, "the step before")
    page.until_picture()
    alike = {}  # pixels of the clip in the colours of stripes
    for frame in (1, 2, 4, 6):
        page.frame(frame)
        alike[frame] = page.striped()
    page.press("poly")
    page.frames(2, 6)
    page.draw((0.3, 0.1), (0.7, 0.15), (0.75, 0.4), (0.5, 0.3), (0.35, 0.42), (0.3, 0.12))
    page.press("brush")
    page.brush(size=0.1)
    page.frame(9)
    page.press("erase")
    page.draw((0.2, 0.2), (0.4, 0.35), (0.6, 0.2))
    page.press("move")
    page.press("animate")
    page.frame(6)
    page.drag("stage", (0.4, 0.2), (0.45, 0.24))
    page.wait(lambda value: "keys" in value["paint"][0], "a keyframe of the lasso")
    shown = {}
    page.press("rect")
    for frame in (1, 2, 4, 6, 8, 9, 15):
        page.frame(frame)
        shown[frame] = page.striped()
    ran = page.run_and_read()
    for frame, striped in shown.items():
        pixels = zip(striped, ran[frame], alike.get(frame, [0] * len(striped)), strict=True)
        differing = sum(a != b for a, b, unsure in pixels if not unsure)
        assert differing < 0.03 * len(striped), (frame, differing)  # outlines, and the grid


def test_its_pictures_come_back_after_undo(page):
    editor = page.editor
    editor.set_widget("VDTMask", "seed", time.time_ns() % 2**31)  # older hosts are silent about what they have cached
    editor.click_run()
    editor.until(lambda: editor.outputs("VDTMask"), "the mask", 180)
    editor.until(lambda: editor.outputs("SaveVideo"), "the end of the run", 180)
    page.frame(0)
    page.until_picture("strip", (0, 0, 0.4, 0.5))
    page.press("rect")
    page.draw((0.1, 0.1), (0.3, 0.3))
    editor.undo()
    page.wait(lambda value: not value, "the step before")
    page.until_picture("strip", (0, 0, 0.4, 0.5))
    page.until_picture("stage")
    assert editor.run(f"{MASK} return !node.imgs?.length"), "the picture below the timeline repeats it"
