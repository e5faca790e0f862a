"""Prompts that the studio's converter makes are taken by a real ComfyUI, whichever version COMFYUI_PATH names."""

import importlib.util
import json
import shutil
import urllib.error
from pathlib import Path

import pytest

from vdt_studio.graph import read_workflow

pytestmark = [pytest.mark.comfy, pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("comfyui_hosts", ROOT / "tests/comfyui/conftest.py")
_hosts = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_hosts)
host, base, server = _hosts.host, _hosts.base, _hosts.server  # the fixtures that start it
MODEL_FILES = ("unet_name", "clip_name", "vae_name", "ckpt_name")  # inputs whose files nobody has here


@pytest.fixture(scope="module")
def registry(server, host):
    pictures = list((host.checkout / "input").glob("*.png"))
    for picture in pictures:  # what the pack's graphs load is what ComfyUI brings along
        shutil.copy(picture, server.base / "input")
    return _hosts.sibling("graphs").Served(server.request("/object_info"))


def submitted(server, graph):
    """What the server says of a prompt, which is then taken back."""
    try:
        return server.request("/prompt", {"prompt": graph})
    except urllib.error.HTTPError as error:
        return json.loads(error.read())
    finally:
        server.request("/queue", {"clear": True})
        server.request("/interrupt", {})


def test_every_shipped_graph_is_accepted(server, registry):
    refused = {}
    for path in sorted((ROOT / "workflows").glob("*.json")):
        graph = read_workflow(json.loads(path.read_text(encoding="utf-8")), registry).graph.to_api()
        answer = submitted(server, graph)
        found = [error for node in (answer.get("node_errors") or {}).values() for error in node["errors"]]
        real = [error for error in found if (error.get("extra_info") or {}).get("input_name") not in MODEL_FILES]
        if real or ("prompt_id" not in answer and not found):
            refused[path.stem] = real or answer["error"]
    assert not refused


def test_save_video_runs_after_our_conversion(server, registry):
    """Where a widget is left out, it fails after all the sampling."""
    data = {
        "nodes": [
            {"id": 1, "type": "EmptyImage", "widgets_values": [64, 64, 4, 255]},
            {"id": 2, "type": "CreateVideo", "inputs": [{"name": "images", "type": "IMAGE", "link": 1}]},
            {
                "id": 3,
                "type": "SaveVideo",
                "inputs": [{"name": "video", "type": "VIDEO", "link": 2}],
                "widgets_values": ["video/kept", "auto", "auto"],
            },
        ],
        "links": [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 3, 0, "VIDEO"]],
    }
    (shown,) = server.done(read_workflow(data, registry).graph.to_api()).values()
    assert server.file(shown["images"][0]).is_file()
