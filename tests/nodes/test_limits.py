"""What does not fit the memory is refused before it is made, and every long node stops where the host interrupts."""

import pytest
import torch

from tests.nodes.test_execute import SIZE

BOTH_NUMBERS = r"GiB of memory, .* GiB are free"


@pytest.fixture
def clip(images, pack, models):
    return pack("nodes.latents").VDTEncode.execute(models[1], **SIZE, images=images).result


def test_clips_that_no_memory_holds_are_refused_with_both_numbers(pack, models, images, monkeypatch):
    monkeypatch.setattr(pack("vdt.bounds"), "free_bytes", lambda: 25 * 2**30)
    large = {"length": 400, "width": 4096, "height": 4096, "policy": "crop"}
    places = {f"frame_{number}": number for number in range(1, 5)}
    latent = {"samples": torch.zeros(1, 4, 1, 1).expand(4096, 4, 512, 512)}
    for what, work in (
        ("VDT Encode", lambda: pack("nodes.latents").VDTEncode.execute(models[1], **{**SIZE, **large}, images=images)),
        ("VDT Keyframes", lambda: pack("nodes.clips").VDTKeyframes.execute(images, **large, **places)),
        ("VDT Decode", lambda: pack("nodes.latents").VDTDecode.execute(latent, models[1])),
    ):
        with pytest.raises(ValueError, match=rf"{what}: .*{BOTH_NUMBERS}"):
            work()
    with pytest.raises(ValueError, match=BOTH_NUMBERS):
        pack("nodes.host.convert").longer_images(torch.zeros(2, 1024, 1024, 3), 100_000, before=False)


def test_nodes_stop_between_layers_and_frames(pack, models, images, clip, monkeypatch):
    """The host says stop when it is asked for the n-th time: each node is asked far more often than once a chunk."""
    runtime = pack("nodes.host.runtime")
    asked = [0, 0]

    class StopError(Exception):
        pass

    def check():
        asked[0] += 1
        if asked[0] == asked[1]:
            raise StopError

    monkeypatch.setattr(runtime.mm, "throw_exception_if_processing_interrupted", check)
    nodes = {
        "encode": (lambda: pack("nodes.latents").VDTEncode.execute(models[1], **SIZE, images=images), 30),
        "decode": (lambda: pack("nodes.latents").VDTDecode.execute(clip[0], models[1]), 30),
        "sample": (
            lambda: pack("nodes.sampler").VDTSampler.execute(
                models[0], clip[0], seed=7, steps=2, sampler="ddim", guidance=1.0
            ),
            12,
        ),
    }
    for name, (work, least) in nodes.items():
        for stop in (1, least // 2, least):
            asked[:] = 0, stop
            with pytest.raises(StopError):
                work()
            assert asked[0] == stop, name
