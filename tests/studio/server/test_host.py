"""Who may ask, and what an editor finds when it starts."""

import json
import socket
from types import SimpleNamespace
from typing import ClassVar

import pytest

from vdt_studio.cli import main
from vdt_studio.server import run

ASKERS = (
    ({}, 200),
    ({"Host": "localhost:8189"}, 200),
    ({"Host": "[::1]:8189"}, 200),
    ({"Host": "evil.example"}, 403),
    ({"Host": "127.0.0.1.evil.example"}, 403),
    ({"Host": "192.168.0.7:8189"}, 403),
    ({"Host": "localhost:8189", "Origin": "http://localhost:8189"}, 200),
    ({"Host": "localhost:8189", "Origin": "http://localhost:9999"}, 403),
    ({"Host": "localhost:8189", "Origin": "https://evil.example"}, 403),
    ({"Host": "localhost:8189", "Origin": "null"}, 403),
    ({"Sec-Fetch-Site": "same-origin"}, 200),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
)


def test_only_this_machine_and_its_own_pages_may_ask(host):
    async def scenario(visitor):
        for headers, code in ASKERS:
            assert (await visitor.get("/api/settings", headers=headers))[0] == code, headers
            assert (await visitor.post("/interrupt", {}, headers=headers))[0] == code, headers
            async with visitor.client.get("/ws", headers=headers) as answer:
                assert answer.status == (400 if code == 200 else 403), headers  # allowed, but no WebSocket

    host(scenario)


def test_the_first_page_is_a_template_and_then_the_editor(host):
    async def scenario(visitor):
        async with visitor.client.get("/", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (302, "/?template=first&source=ComfyUI-Small")
        async with visitor.client.get("/") as answer:
            assert answer.status == 200 and "editor" in await answer.text()
        assert (await visitor.get("/assets/app.js")) == (200, b"1")
        assert (await visitor.get("/assets/..%2f..%2fsecret"))[0] in (403, 404)
        assert (await visitor.get("/nothing"))[0] == 404

    host(scenario, template="first")


def test_everything_asked_at_the_start_is_answered(host):
    async def scenario(visitor):
        paths = ["features", "users", "system_stats", "settings", "i18n", "extensions", "object_info", "queue", "jobs"]
        paths += ["experiment/models", "workflow_templates", "global_subgraphs", "history?max_items=64", "embeddings"]
        paths += ["userdata?dir=workflows&recurse=true&split=false&full_info=true", "userdata/user.css", "models"]
        paths += ["userdata?dir=subgraphs&recurse=true&split=false&full_info=true", "internal/logs/raw"]
        for path in paths:
            for prefix in ("", "/api"):
                assert (await visitor.get(f"{prefix}/{path}"))[0] == 200, path

    host(scenario)


def test_the_catalog_tells_of_nodes_and_of_the_packs_files_alone(host):
    async def scenario(visitor):
        _, nodes = await visitor.get("/object_info")
        assert nodes["Slow"]["input"]["required"]["steps"][0] == "INT"
        assert (await visitor.get("/object_info/Slow"))[1] == {"Slow": nodes["Slow"]}
        assert (await visitor.get("/extensions"))[1] == ["/extensions/ComfyUI-Small/js/tool.js"]
        assert (await visitor.get("/extensions/ComfyUI-Small/js/tool.js"))[1] == b"// a script\n"
        assert (await visitor.get("/extensions/ComfyUI-Small/docs/Grey.md"))[1] == b"# Grey\n"
        assert (await visitor.get("/extensions/ComfyUI-Small/..%2Fsecret.txt"))[0] in (403, 404)
        assert (await visitor.get("/workflow_templates"))[1] == {"ComfyUI-Small": ["first"]}
        assert (await visitor.get("/api/workflow_templates/ComfyUI-Small/first.json"))[1] == {"nodes": []}
        assert (await visitor.get("/api/workflow_templates/ComfyUI-Small/first.jpg"))[1] == b"a picture"
        ((key, entry),) = (await visitor.get("/api/global_subgraphs"))[1].items()
        assert entry == {"name": "Chain of Two", "source": "custom_node", "info": {"node_pack": "ComfyUI-Small"}}
        _, whole = await visitor.get(f"/api/global_subgraphs/{key}")
        assert json.loads(whole["data"]) == {"nodes": [], "definitions": {}}
        assert (await visitor.get("/api/global_subgraphs/none"))[0] == 404
        assert (await visitor.get("/api/workflow_templates/ComfyUI-Small/..%2Fsecret.txt"))[0] == 404
        assert (await visitor.get("/i18n"))[1] == {
            "zh": {"title": "标题", "nodeDefs": {"Grey": {"display_name": "灰"}}}
        }
        assert (await visitor.get("/models/none"))[0] == 404

    host(scenario)


def test_a_port_that_is_taken_is_one_sentence(tmp_path, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["serve", "--port", str(taken.getsockname()[1])]) == 2
    assert "is in use: choose another with --port" in capsys.readouterr().err


def test_two_servers_never_share_a_port_on_windows(monkeypatch):
    class Taken(socket.socket):
        options: ClassVar[list[int]] = []

        def setsockopt(self, level, option, value):
            self.options.append(option)

        def bind(self, address):
            raise OSError("taken")

    monkeypatch.setattr(run, "socket", SimpleNamespace(**{**vars(socket), "socket": Taken}))
    for name, options in (("nt", []), ("posix", [socket.SO_REUSEADDR])):
        Taken.options.clear()
        monkeypatch.setattr(run, "os", SimpleNamespace(name=name))
        with pytest.raises(ValueError, match="in use"):
            run.serve(None, 8189, print)
        assert Taken.options == options
