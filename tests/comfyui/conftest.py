"""A real ComfyUI, started from COMFYUI_PATH in a temporary base directory with this pack linked into custom_nodes."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import torch

from vdt import VAE_CONFIGS, VDT, AutoencoderKL, DiffusionConfig, VDTConfig, save_model, save_vae
from vdt.config import MaskSpec

ROOT = Path(__file__).parents[2]
PACK = "ComfyUI-VDT"
START_SECONDS = 300
RUN_SECONDS = 300
MODEL = VDTConfig(  # the shipped kind of model, only smaller
    hidden_size=64,
    depth=2,
    num_heads=4,
    input_size=8,
    learn_sigma=False,
    conditioning=(MaskSpec(embed=True),),
    temporal_adaln=True,
    diffusion=DiffusionConfig(prediction="v", latent_scale=(0.9, 1.1, 1.3, 0.7), latent_shift=(0.1, -0.2, 0.05, 0.3)),
)
LEARNED = VDTConfig(hidden_size=64, depth=2, num_heads=4, input_size=8)  # the official kind: epsilon, learned variance


@pytest.fixture(scope="session")
def checkout():
    path = os.environ.get("COMFYUI_PATH")
    if not path:
        pytest.skip("COMFYUI_PATH is not set: it names a ComfyUI checkout to test in")
    if not (Path(path) / "main.py").is_file():
        pytest.fail(f"COMFYUI_PATH {path} holds no main.py: it must name a ComfyUI checkout")
    return Path(path).absolute()


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """A base directory with small random models, an input picture's folder and the pack."""
    folder = tmp_path_factory.mktemp("comfyui")
    for name in ("custom_nodes", "input", "models/vdt", "models/vae", "models/text_encoders"):
        (folder / name).mkdir(parents=True)
    (folder / "custom_nodes" / PACK).symlink_to(ROOT, target_is_directory=True)
    for name, config, seed in (("tiny", MODEL, 0), ("learned", LEARNED, 1)):
        save_model(drawn(VDT(config), seed), config, folder / "models/vdt" / f"{name}.safetensors")
    for name in ("tiny", "small"):
        config = VAE_CONFIGS[name]
        save_vae(drawn(AutoencoderKL(config), 2), config, folder / "models/vae" / f"{name}.safetensors")
    return folder


class Server:
    """A running ComfyUI and what a client does with it."""

    def __init__(self, process, port, base, log):
        self.process, self.port, self.base, self.log = process, port, base, log

    def request(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        query = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=data, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(query, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def run(self, graph):
        """Queue an API graph and wait for it; returns its history entry, failed or not."""
        try:
            prompt = self.request("/prompt", {"prompt": graph})["prompt_id"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"the graph was refused: {error.read().decode()}") from error
        return self.wait(prompt)

    def wait(self, prompt):
        end = time.monotonic() + RUN_SECONDS
        while time.monotonic() < end:
            history = self.request(f"/history/{prompt}")
            if prompt in history:
                return history[prompt]
            assert self.process.poll() is None, f"ComfyUI died:\n{self.text()[-3000:]}"
            time.sleep(0.1)
        raise AssertionError("the graph did not end in time")

    def done(self, graph):
        """As run, for graphs that must succeed; returns the outputs by node."""
        entry = self.run(graph)
        messages = dict(entry["status"]["messages"])
        assert entry["status"]["status_str"] == "success", messages.get("execution_error", messages)
        return entry["outputs"]

    def error(self, graph):
        """The message of a graph that must fail."""
        messages = dict(self.run(graph)["status"]["messages"])
        return messages["execution_error"]["exception_message"].strip()

    def file(self, entry):
        return self.base / entry["type"] / entry["subfolder"] / entry["filename"]

    def text(self):
        return self.log.read_text(errors="replace")


@pytest.fixture(scope="session")
def server(checkout, base):
    log, port = base / "server.log", free_port()
    command = [
        os.environ.get("COMFYUI_PYTHON", sys.executable),
        *("main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(port), "--base-directory", str(base)),
        *("--disable-all-custom-nodes", "--whitelist-custom-nodes", PACK, "--disable-api-nodes"),
        *("--disable-auto-launch", "--database-url", f"sqlite:///{base / 'comfyui.db'}"),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads()), "PYTHONDONTWRITEBYTECODE": "1"}
    with log.open("wb") as sink:
        process = subprocess.Popen(command, cwd=checkout, env=environment, stdout=sink, stderr=subprocess.STDOUT)
    running = Server(process, port, base, log)
    try:
        wait_until_up(running)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_up(running):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if running.process.poll() is not None:
            pytest.fail(f"ComfyUI did not start:\n{running.text()[-3000:]}")
        try:
            running.request("/system_stats")
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"ComfyUI did not answer within {START_SECONDS} s:\n{running.text()[-3000:]}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def drawn(module, seed):
    """Weights of a sensible size for every parameter: an untrained model would answer zero and prove nothing."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        norm_weight = parameter.ndim == 1 and bool((parameter == 1).all())
        parameter.data = norm_weight + noise * (0.1 if parameter.ndim == 1 else parameter[0].numel() ** -0.5)
    return module.eval()
