"""A real ComfyUI's own editor, in headless Chromium: what it makes of our graphs, its help, app views, replaced nodes.

Left out unless asked for: `pytest -m comfy tests/comfyui`, as `make test-comfyui` does.
"""

import importlib.util
import json
import shutil
import sys
import time
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from vdt_comfyui_graphs import Served
from vdt_comfyui_hosts import PACK, serve

from vdt_studio.graph import read_workflow

pytestmark = [pytest.mark.comfy, pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
GRAPHS = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "workflows").glob("*.json"))
}
RUN = ("predict", "complete_region", "connect_two_clips", "stock_ksampler", "painted_mask")
RENDERERS = ("classic", "vue")
APP_SINCE = (1, 41)  # editors before it have no app view
ANOTHER = "z-replace"  # a pack beside ours, whose name comes after it
OLD = {
    "old": "VDTOldMask",
    "new": "VDTMask",
    "widgets": ("task", "count"),
    "inputs": (("images", "images"), ("task", "task"), ("given", "count")),
    "outputs": ((0, 0),),
    "values": (("every", 4), ("frame", 0), ("known", "0-3,-1"), ("seed", 0)),
}
REPLACING = f"""
import sys
from comfy_api import latest


class Extension(latest.ComfyExtension):
    async def on_load(self):
        ours = next(module for name, module in list(sys.modules.items()) if name.endswith(".nodes.replacements"))
        ours.REPLACEMENTS = (ours.Replacement(**{OLD!r}),)
        await ours.register(latest)

    async def get_node_list(self):
        return []


async def comfy_entrypoint():
    return Extension()
"""


def tool(name):
    """A module of tests/browser, which pytest imports without a package."""
    folder = ROOT / "tests/browser"
    sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location(f"vdt_browser_{name}", folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def served(host, base):
    """A server with a pack beside ours that says which node took the place of an old one."""
    folder = base / "custom_nodes" / ANOTHER
    folder.mkdir()
    (folder / "__init__.py").write_text(REPLACING, encoding="utf-8")
    picture = np.full((333, 501, 4), 255, np.uint8)
    picture[60:260, 170:330, 3] = 0  # the mask editor makes transparent what was painted
    Image.fromarray(picture).save(base / "input/vdt_painted.png")
    with serve(host, base, "--whitelist-custom-nodes", PACK, ANOTHER) as running:
        running.request("/settings/Comfy.TutorialCompleted", True)
        yield running


@pytest.fixture(scope="module")
def driver():
    pytest.importorskip("selenium", reason="browser tests need the extra 'test'")
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("browser tests need chromium and chromedriver")
    made = tool("conftest").start_browser()
    yield made
    made.quit()


@pytest.fixture
def editor(driver, served):
    return tool("page").Editor(driver, tool("conftest").Host(f"http://127.0.0.1:{served.port}", PACK))


@pytest.fixture(scope="module")
def ours(served):
    """The prompts that our conversion makes of the graphs."""
    registry = Served(served.request("/object_info"))
    return {name: read_workflow(graph, registry).graph.to_api() for name, graph in GRAPHS.items()}


def bare(prompt):
    """A prompt without what only the editor shows."""
    return {key: (node["class_type"], node["inputs"]) for key, node in prompt.items()}


@pytest.mark.parametrize("renderer", RENDERERS)
def test_prompts_of_the_editor_are_those_of_our_conversion(editor, ours, renderer):
    editor.open("predict", renderer)
    for name, graph in GRAPHS.items():
        editor.load(graph, name)
        editor.until(lambda graph=graph: len(editor.nodes()) == len(graph["nodes"]), f"all nodes of {name}")
        assert bare(editor.prompt()) == bare(ours[name]), name
        assert editor.wrong() == [] or name == "mask_for_other_models", name  # whose files nobody has here


def latents(served, prompt):
    """What is sampled by a prompt, with nothing left in the cache of one before it."""
    served.request("/free", {"unload_models": True, "free_memory": True})
    time.sleep(1.5)  # the server does it between two prompts
    (sampler,) = [key for key, node in prompt.items() if node["class_type"] in ("VDTSampler", "KSampler")]
    save = {"class_type": "SaveLatent", "inputs": {"samples": [sampler, 0], "filename_prefix": "latents/editor"}}
    outputs = served.done({**prompt, "latent": save})
    return load_file(served.file(outputs["latent"]["latents"][0]))["latent_tensor"]


def test_latents_of_the_editors_prompts_are_those_of_ours(editor, served, ours):
    editor.open("predict")
    for name in RUN:
        editor.load(GRAPHS[name], name)
        theirs = editor.until(editor.prompt, "the prompt")
        assert torch.equal(latents(served, theirs), latents(served, ours[name])), name


def test_help_and_names_are_chinese_for_who_reads_it(editor, served):
    """No page is asked for that is not there."""
    served.request("/settings/Comfy.Locale", "zh")
    try:
        editor.open("predict")
        assert editor.run("return LiteGraph.registered_node_types['VDTSampler'].title") == "VDT 采样器"
        editor.run(
            "window.asked = []; const plain = window.fetch;"
            "window.fetch = async (...args) => { const made = await plain(...args);"
            "window.asked.push([String(args[0]?.url ?? args[0]), made.status]); return made; };"
        )
        editor.open_help("VDTSampler")
        editor.until(lambda: "逐位相同" in editor.run("return document.body.innerText"), "the page", 20)
        asked = [(url, status) for url, status in editor.run("return window.asked") if "/docs/" in url]
        assert all(status == 200 for _, status in asked), asked
    finally:
        served.request("/settings/Comfy.Locale", "en")


def test_a_template_opens_as_an_app(editor, served):
    editor.open("predict")
    if editor.version() < APP_SINCE:
        pytest.skip("this editor has no app view")
    for name in ("predict", "outpaint"):
        editor.driver.get(f"http://127.0.0.1:{served.port}/?template={name}&source={PACK}&mode=linear")
        words = [settings["description"] for _, _, settings in GRAPHS[name]["extra"]["linearData"]["inputs"]]

        def lacking(words=words):
            text = editor.run("return document.body.innerText")
            return [sentence for sentence in words if sentence not in text]

        editor.until(lambda: not lacking(), f"the inputs of the app {name}", 30)


def old_graph():
    """The graph "predict" as it would be with a node that is no more."""
    graph = json.loads(json.dumps(GRAPHS["predict"]))
    (mask,) = [node for node in graph["nodes"] if node["type"] == "VDTMask"]
    inputs = [slot for slot in mask["inputs"] if slot["name"] == "images"]
    mask |= {"type": "VDTOldMask", "inputs": inputs, "widgets_values": ["predict", 5], "properties": {}}
    return graph


PRESS = """
const made = [...document.querySelectorAll('button')].find(b => b.innerText.trim() === arguments[0]);
made?.click();
return !!made;
"""


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_node_that_is_no_more_is_replaced_in_the_editor(editor, served, renderer):
    if "/node_replacements" not in _pages(served):
        pytest.skip("this ComfyUI replaces no nodes")
    editor.open("predict", renderer)
    editor.load(old_graph(), "old")
    editor.until(lambda: editor.run(PRESS, "View details"), "the offer", 20)
    editor.until(lambda: editor.run(PRESS, "Replace Node"), "the button", 20)
    editor.until(lambda: "VDTMask" in editor.nodes(), "the new node", 20)
    (mask,) = [node for node in editor.prompt().values() if node["class_type"] == "VDTMask"]
    assert mask["inputs"]["given"] == 5 and mask["inputs"]["task"] == "predict"
    (sampler,) = [node for node in editor.prompt().values() if node["class_type"] == "VDTSampler"]
    assert "mask" in sampler["inputs"] and editor.wrong() == []


def test_a_prompt_with_a_node_that_is_no_more_runs(served, ours):
    if "/node_replacements" not in _pages(served):
        pytest.skip("this ComfyUI replaces no nodes")
    prompt = {key: {**node, "_meta": {"title": node["class_type"]}} for key, node in ours["predict"].items()}
    (key,) = [key for key, node in prompt.items() if node["class_type"] == "VDTMask"]
    inputs = prompt[key]["inputs"]
    inputs = {"images": inputs["images"], "task": "predict", "count": 8}
    old = {**prompt, key: {"class_type": "VDTOldMask", "inputs": inputs, "_meta": {"title": "old"}}}
    assert torch.equal(latents(served, old), latents(served, ours["predict"]))


def _pages(served):
    """Which of the pages that came later this server has."""
    try:
        served.request("/node_replacements")
    except urllib.error.HTTPError:
        return ()
    return ("/node_replacements",)
