"""Addresses, bodies, forms and headers of requests, most of them odd."""

from __future__ import annotations

import json
import os
import random
from typing import Any

from ..mutate import ODD, TEXTS, damaged_bytes, damaged_text, mutated
from ..outcomes import ROOT

METHODS = ("GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "PATCH")
NAMES = (
    *("clip.mp4", "picture.png", "good.json", "loop", "out.png", "folder.png", "a" * 300, "é" * 140, ".", "..", "../x"),
    *("..%2f..%2fsecret", "%2e%2e/secret", "/etc/passwd", "..\\secret", "%00", "%ff", "good.json/x", "loop/x", "CON"),
    *(
        "settings",
        "queue",
        "prompt",
        "a b",
        "a;b",
        "a%0d%0ab",
        "picture.png [output]",
        "picture.png [temp]",
        "~",
        "$HOME",
    ),
)
PATHS = (
    *(
        "GET /view?filename={}&type={}",
        "GET /view?filename={}&subfolder={}",
        "GET /view?filename={}&type=input&preview={}",
    ),
    *(
        "GET /userdata/{}",
        "DELETE /userdata/{}",
        "POST /userdata/{}?overwrite={}&full_info={}",
        "POST /userdata/{}/move/{}",
    ),
    *(
        "GET /userdata?dir={}&recurse={}&full_info={}&split={}",
        "GET /userdata?dir=",
        "GET /userdata?dir=&full_info=true",
    ),
    *(
        "GET /extensions/main/{}",
        "GET /extensions/{}/{}",
        "GET /models/{}",
        "GET /experiment/models/{}",
        "GET /assets/{}",
    ),
    *(
        "GET /workflow_templates/main/{}",
        "GET /workflow_templates/{}/{}",
        "GET /{}",
        "GET /global_subgraphs/{}",
        "GET /",
    ),
    *(
        "GET /history?max_items={}&offset={}",
        "GET /history/{}",
        "GET /jobs?limit={}&offset={}&status={}",
        "GET /jobs/{}",
    ),
    *(
        "GET /history",
        "GET /jobs",
        "GET /queue",
        "GET /settings",
        "GET /settings/{}",
        "POST /settings/{}",
        "GET /users",
    ),
    *("GET /object_info/{}", "GET /prompt", "POST /jobs/{}/cancel", "POST /interrupt", "POST /free", "GET /user.css"),
    *("PATCH /internal/logs/subscribe", "GET /userdata/user.css", "GET /system_stats", "GET /i18n", "GET /embeddings"),
    *("GET /global_subgraphs", "GET /extensions", "GET /workflow_templates", "GET /models", "GET /experiment/models"),
    *(
        "GET /features",
        "GET /ws",
        "GET /view",
        "POST /upload/image",
        "POST /upload/mask",
        "DELETE /{}",
        "GET /object_info",
    ),
)
KNOWN = (
    "true",
    "5",
    "completed",
    "1",
    "input",
    "output",
    "clip.mp4",
    "picture.png",
    "good.json",
    "vdt",
    "vae",
    "VDTMask",
)
GRAPH = {"1": {"class_type": "LoadImage", "inputs": {"image": "picture.png"}}}
GRAPH["2"] = {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}  # type: ignore[dict-item]


def path_of(shared: Any, rng: random.Random) -> tuple[str, str]:
    """A method and an address: a known one with odd names in it."""
    from urllib.parse import quote

    def name() -> str:
        if rng.random() < 0.25:
            return str(rng.choice(shared["known"]))
        text = rng.choice((*NAMES, *TEXTS))
        text = damaged_text(text, rng) if rng.random() < 0.3 else text
        return text if rng.random() < 0.5 and text.isascii() else quote(text.encode(errors="replace"), safe="")

    method, _, path = rng.choice(PATHS).partition(" ")
    path = path.replace("/main/", f"/{ROOT.name}/").format(*(name() for _ in range(5)))
    method = method if rng.random() < 0.85 else rng.choice(METHODS)
    return method, f"/api{path}" if rng.random() < 0.2 else path


def body_of(shared: Any, path: str, rng: random.Random) -> bytes:
    """A prompt or another JSON body, damaged as a value or as text."""
    graph = rng.choice([GRAPH, GRAPH, *shared["graphs"]])
    body: Any = {"prompt": graph, "client_id": "me", "number": 0, "extra_data": {"extra_pnginfo": {"workflow": {}}}}
    if path != "/prompt":
        body = {"delete": [rng.choice(shared["known"])], "prompt_id": "x"}
        body |= {"clear": True} if rng.random() < 0.05 else {}
    elif rng.random() < 0.2:
        body["partial_execution_targets"] = ["2"]
    kind = rng.random()
    if kind < 0.15:
        return damaged_bytes(json.dumps(body).encode(), rng)
    if kind < 0.3:
        body[rng.choice(list(body))] = rng.choice(ODD)
    elif kind < 0.85:
        body = mutated(body, rng)
    return json.dumps(body).encode(errors="replace")


def form_of(rng: random.Random) -> dict[str, Any]:
    """An upload with odd names and fields, or with its bytes damaged."""
    fields = {"type": ("input", "temp", "output", "x"), "subfolder": NAMES, "overwrite": ("true", "1", ""), "x": TEXTS}
    parts = [("image", rng.choice(NAMES), os.urandom(20))]
    parts += [
        (key, None, rng.choice(values).encode(errors="replace")) for key, values in fields.items() if rng.random() < 0.4
    ]
    if rng.random() < 0.5:
        reference = {"filename": rng.choice(NAMES), "type": "input", "subfolder": rng.choice(("", "x"))}
        text = json.dumps(mutated(reference, rng, most=2) if rng.random() < 0.5 else reference)
        parts.append(("original_ref", None, text.encode(errors="replace")))
    rng.shuffle(parts)
    body = b""
    for key, filename, data in parts:
        name = "" if filename is None else f'; filename="{filename}"'
        body += f'--b\r\nContent-Disposition: form-data; name="{key}"{name}\r\n\r\n'.encode() + data + b"\r\n"
    body += b"--b--\r\n"
    if rng.random() < 0.3:
        body = damaged_bytes(body, rng)
    return {"data": body, "headers": {"Content-Type": "multipart/form-data; boundary=b"}}


def headers_of(rng: random.Random) -> dict[str, str]:
    name = rng.choice(
        ("Origin", "Host", "Content-Type", "Range", "Accept-Encoding", "Cookie", "If-None-Match", "Comfy-User")
    )
    values = (
        "http://[",
        "http://evil.example",
        "null",
        "bytes=5-2",
        "bytes=99999999999-",
        "a" * 5000,
        "x; charset=nope",
    )
    return {name: rng.choice((*values, "multipart/form-data", "text/html", "127.0.0.1:99999", "localhost", "[::1"))}
