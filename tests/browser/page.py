"""What a person does on a page of the editor, in the words of a test."""

import base64
import io
import json
import mimetypes
import time

import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

RENDERERS = {"classic": False, "vue": True}
PATIENCE = 300  # seconds: a page and a run on one shared core are slow, and what comes is not waited for longer
VUE_SINCE = (1, 30)  # before, it neither kept the sizes of nodes nor showed widgets that are page elements

# A graph, and a socket that will hear of its run.
READY = """
const app = window.app;
return !!(app && app.graph && app.graph._nodes.length && app.api.socket?.readyState === 1);
"""
LOADED = "return window.app.graph._nodes.some(n => n.type.startsWith('VDT'))"
# As a click on a template or a file does.
LOAD = """
const [graph, name, done] = arguments;
window.app.loadGraphData(graph, true, true, name).then(() => setTimeout(done, 800));
"""
# The names of nodes that the editor does not know, or that it marks as wrong.
WRONG = """
return window.app.graph._nodes
  .filter(n => n.has_errors || (n.type !== 'MarkdownNote' && !LiteGraph.registered_node_types[n.type]))
  .map(n => n.type);
"""
PROMPT = "const done = arguments[0]; window.app.graphToPrompt().then(made => done(made.output));"
# Two nodes side by side, in real size.
BESIDE = """
const [left, right] = arguments, app = window.app, {ds} = app.canvas;
const [a, b] = [left, right].map(type => app.graph._nodes.find(n => n.type === type));
a.pos = [b.pos[0] - a.size[0] - 60, b.pos[1] + 450];  // below the other columns
ds.scale = 1;
ds.offset[0] = 400 - a.pos[0];
ds.offset[1] = 150 - b.pos[1];
app.canvas.setDirty(true, true);
"""
# On the page, where a slot of a node stands: an element of its own in the Vue renderer, a place of the canvas else.
SLOT = """
const [type, isInput, name] = arguments, app = window.app;
const node = app.graph._nodes.find(n => n.type === type);
const index = (isInput ? node.inputs : node.outputs).findIndex(s => s.name === name);
const dot = document.querySelector(`[data-slot-key='${node.id}-${isInput ? "in" : "out"}-${index}']`);
if (dot) {
  const {left, top, width, height} = dot.getBoundingClientRect();
  return [left + width / 2, top + height / 2];
}
const point = node.getConnectionPos(isInput, index);
const box = app.canvas.canvas.getBoundingClientRect(), {scale, offset} = app.canvas.ds;
return [box.left + (point[0] + offset[0]) * scale, box.top + (point[1] + offset[1]) * scale];
"""
# A node in real size, in the middle of the page.
SHOW = """
const node = window.app.graph._nodes.find(n => n.type === arguments[0]), {ds} = window.app.canvas;
ds.scale = 1;
ds.offset[0] = 500 - node.pos[0];
ds.offset[1] = 100 - node.pos[1];
window.app.canvas.setDirty(true, true);
"""
DROP = """
const [url, name, done] = arguments;
(async () => {
  const blob = await (await fetch(url)).blob();
  const data = new DataTransfer();
  data.items.add(new File([blob], name, {type: blob.type}));
  const canvas = document.querySelector('#graph-canvas');
  for (const kind of ['dragenter', 'dragover', 'drop'])
    canvas.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: data}));
})().then(() => done(true), error => done(String(error)));
"""


EMPTY = """
const canvas = document.querySelector('#graph-canvas'), box = canvas.getBoundingClientRect(), ds = window.app.canvas.ds;
for (const dy of [380, 350, 320, 290, -290, -320]) for (const dx of [0, -150, 150, -300, 300, -450, 450]) {
  const x = box.width / 2 + dx, y = box.height / 2 + dy;
  if (document.elementFromPoint(box.left + x, box.top + y) !== canvas) continue;
  if (!window.app.graph.getNodeOnPos(x / ds.scale - ds.offset[0], y / ds.scale - ds.offset[1])) return [dx, dy];
}
"""  # from the middle of the canvas to a place of it that no node and no bar covers


class Editor:
    def __init__(self, driver, host):
        self.driver, self.host = driver, host

    # ---- Opening -----------------------------------------------------------------------------------------------------

    def open(self, template=None, renderer="classic"):
        """A fresh page with a template, or with whatever a bare address opens."""
        self.host.request("/settings/Comfy.VueNodes.Enabled", RENDERERS[renderer])
        self.driver.get(f"{self.host.url}/users")  # any page of this origin
        self.run("localStorage.clear(); sessionStorage.clear()")  # else it restores what was open before
        by_link = template and self.host.is_studio  # editors before 1.28 have no links to templates
        query = f"?template={template}&source={self.host.pack}" if by_link else ""
        self.driver.get(f"{self.host.url}/{query}")
        self.until(lambda: self.run(READY), "the editor")
        if renderer == "vue" and self.version() < VUE_SINCE:
            pytest.skip("this editor's Vue renderer is unfinished")
        drawn = lambda: self.run("return !!LiteGraph.vueNodesMode") == RENDERERS[renderer]  # noqa: E731
        self.until(drawn, f"the renderer {renderer}; another page of this host may have chosen the other")
        if template and not by_link:
            self.load(self.host.request(f"/api/workflow_templates/{self.host.pack}/{template}.json"), template)
        self.until(lambda: self.run(LOADED), "the graph")
        return self

    def version(self):
        """Of the editor, as far as it is a number."""
        return tuple(int(part) for part in self.run("return window.__COMFYUI_FRONTEND_VERSION__").split(".")[:2])

    def until(self, condition, what, seconds=60):
        """Seconds are those of an idle machine: one that is shared by runs and other tests gets its time."""
        seconds = max(PATIENCE, seconds)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            made = condition()
            if made:
                return made
            time.sleep(0.1)
        raise AssertionError(f"waited {seconds} s for {what}")

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    # ---- Looking -----------------------------------------------------------------------------------------------------

    def nodes(self):
        return self.run("return window.app.graph._nodes.map(n => n.type)")

    def wrong(self):
        return self.run(WRONG)

    def alerts(self):
        texts = [element.text for element in self.driver.find_elements(By.CSS_SELECTOR, ".p-toast-message")]
        return [text for text in texts if "queued" not in text.lower() and "completed" not in text.lower()]

    def prompt(self):
        """What a click on Run would send."""
        return self.driver.execute_async_script(PROMPT)

    def outputs(self, kind):
        """What the node of that class shows, None before it has run."""
        script = "const n = window.app.graph._nodes.find(n => n.type === arguments[0]);"
        return self.run(f"{script} return (n && (window.app.nodeOutputs || {{}})[n.id]) || null", kind)

    def picture(self):
        """The window as it is seen."""
        return Image.open(io.BytesIO(self.driver.get_screenshot_as_png())).convert("RGB")

    def video(self):
        """Length in seconds and width of the video on the page, None before it can play."""
        script = (
            "const v = document.querySelector('video'); return v && v.readyState > 1 ? [v.duration, v.videoWidth] : 0"
        )
        return self.run(script)

    # ---- Doing -------------------------------------------------------------------------------------------------------

    def click(self, selector):
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def click_run(self):
        self.click("[data-testid='queue-button'], .comfyui-queue-button button")

    def click_stop(self):
        """Once the page has noticed that something runs: until then a click on the button does nothing."""
        button = "[aria-label='Cancel current run']:not(:disabled), [aria-label='Interrupt']:not(:disabled)"
        self.until(lambda: self.driver.find_elements(By.CSS_SELECTOR, button), "the button", 30)
        self.click(button)

    def save_as(self, name):
        """Through the dialog that Ctrl+S opens for a graph without a file."""
        self._over_canvas().click().key_down(Keys.CONTROL).send_keys("s").key_up(Keys.CONTROL).perform()
        field = self.until(self._field, "the dialog for the name", 20)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(name, Keys.ENTER)

    def open_saved(self, name):
        """From the list of workflows beside the canvas."""
        self._over_canvas().click().send_keys("w").perform()
        script = """
        const said = [arguments[0], `${arguments[0]}.json`], tabs = '.workflow-tabs-container, .workflow-tabs';
        return [...document.querySelectorAll('span, div, p')]
          .find(e => !e.children.length && said.includes(e.textContent.trim()) && !e.closest(tabs)) || null;
        """
        self.until(lambda: self.run(script, name), "the name in the list", 20).click()

    def open_help(self, kind):
        """Through the button above a chosen node."""
        script = "const app = window.app; app.canvas.selectNode(app.graph._nodes.find(n => n.type === arguments[0]));"
        self.run(script, kind)
        button = "[data-testid='info-button']"
        self.until(lambda: self.driver.find_elements(By.CSS_SELECTOR, button), "the button", 10)
        self.click(button)

    def load(self, graph, name=None):
        self.driver.execute_async_script(LOAD, graph, name)

    def _over_canvas(self, place=None):
        """The pointer above a place of the canvas, from its middle; by default an empty one."""
        canvas = self.driver.find_element(By.CSS_SELECTOR, "#graph-canvas")
        return ActionChains(self.driver).move_to_element_with_offset(canvas, *(place or self.run(EMPTY)))

    def set_widget(self, kind, name, value):
        script = """
        const [kind, name, value] = arguments;
        const widget = window.app.graph._nodes.find(n => n.type === kind).widgets.find(w => w.name === name);
        widget.value = value; widget.callback && widget.callback(value);
        """
        self.run(script, kind, name, value)

    def add_by_search(self, text):
        """Double click on the empty canvas, type, Enter, and a click that puts the node down."""
        x, y = self.run(EMPTY)
        self._over_canvas((x, y)).double_click().perform()
        field = self.until(self._field, "the search box")
        field.send_keys(text)
        time.sleep(1.0)  # it searches while one types
        field.send_keys(Keys.ENTER)
        time.sleep(0.5)
        self._over_canvas((x + 10, y)).click().perform()  # newer ones wait for it

    def drag_wire(self, source, output, target, name):
        self.run(BESIDE, source, target)
        time.sleep(0.5)  # it is drawn
        start, end = self.run(SLOT, source, False, output), self.run(SLOT, target, True, name)
        moves = ActionChains(self.driver, duration=100).w3c_actions
        actions = ActionChains(self.driver)
        actions.w3c_actions = moves
        pointer = moves.pointer_action
        pointer.move_to_location(round(start[0]), round(start[1])).pointer_down()
        pointer.move_to_location(round((start[0] + end[0]) / 2), round((start[1] + end[1]) / 2))
        pointer.move_to_location(round(end[0]), round(end[1])).pointer_up()
        moves.perform()

    # ---- The timeline ------------------------------------------------------------------------------------------------

    def show(self, kind):
        self.run(SHOW, kind)
        time.sleep(0.8)  # it is drawn, and what lies above the canvas follows

    def timeline(self):
        script = "const n = window.app.graph._nodes.find(n => n.type === 'VDTMask');"
        text = self.run(f"{script} return n?.widgets.find(w => w.name === 'timeline').value")
        return json.loads(text) if text else {}

    def drag_on_timeline(self, part, start, end=None):
        """From one place of the strip or the stage to another, in fractions of it."""
        canvas = self._timeline_parts()[("strip", "stage").index(part)]
        box = canvas.rect
        points = [(int((x - 0.5) * box["width"]), int((y - 0.5) * box["height"])) for x, y in (start, end or start)]
        actions = ActionChains(self.driver).move_to_element_with_offset(canvas, *points[0]).click_and_hold()
        actions.move_to_element_with_offset(canvas, *points[1]).release().perform()
        time.sleep(0.3)

    def keys(self, *names):
        """Into the timeline, wherever the focus is there."""
        actions = ActionChains(self.driver)
        for name in names:
            actions.send_keys({"ArrowRight": Keys.ARROW_RIGHT}.get(name, name))
        actions.perform()
        time.sleep(0.3)

    def undo(self):
        ActionChains(self.driver).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()

    def reload_graph(self):
        """Through the text that is saved."""
        self.load(self.run("return window.app.graph.serialize()"))

    def _timeline_parts(self):
        return self.driver.find_elements(By.CSS_SELECTOR, "[aria-label^='Mask timeline'] canvas")

    def drop(self, url, name):
        """A file onto the canvas, from an address of this host."""
        assert self.driver.execute_async_script(DROP, url, name) is True

    def drop_file(self, path):
        self.drop(self.as_url(path), path.name)

    def as_url(self, path):
        """A file as an address of its own."""
        data = base64.b64encode(path.read_bytes()).decode()
        return f"data:{mimetypes.guess_type(path.name)[0]};base64,{data}"

    def _field(self):
        active = self.driver.switch_to.active_element
        return active if active.tag_name == "input" else None
