"""Graphs in the form of the API that tests queue, and what they read back."""

from safetensors.torch import load_file

from vdt_studio.schema import NodeSchema

STEPS = 10  # ComfyUI's scheduler "normal" then has our timesteps: 999, 888, … 0
SEED = 2**63 + 5
TASK = {"given": 6, "every": 4, "frame": 0, "known": "0-3,-1", "seed": 0}


def node(kind, **inputs):
    """One node of a graph."""
    return {"class_type": kind, "inputs": inputs}


def sources(model="tiny", vae="tiny", length=16, task="predict", **settings):
    """Nodes 1 to 5 of every graph: model, VAE, a bundled clip, its latents and a mask."""
    return {
        "1": node("VDTLoadModel", model_name=f"{model}.safetensors", precision="auto"),
        "2": node("VDTLoadVAE", vae_name=f"{vae}.safetensors"),
        "3": node("VDTSampleClip", clip="projectile"),
        "4": node(
            "VDTEncode", vae=["2", 0], length=length, width=64, height=64, policy="crop", fps=["3", 1], start=0.0,
            images=["3", 0],
        ),
        "5": node("VDTMask", images=["4", 1], task=task, **{**TASK, **settings}),
    }  # fmt: skip


def own_sampler(
    latent=("4", 0), mask=("5", 0), sampler="ddim", steps=STEPS, guidance=1.0, seed=SEED, model=("1", 0), **more
):
    """VDT Sampler with all of its noise, as stock samplers begin."""
    inputs = {"model": list(model), "latent": list(latent), "seed": seed, "steps": steps, "sampler": sampler}
    more = {"temperature": 1.0, **more}
    connected = {} if mask is None else {"mask": list(mask)}
    return node("VDTSampler", guidance=guidance, **inputs, **connected, **more)


def stock_sampler(sampler="ddim", cfg=1.0, steps=STEPS, scheduler="normal", model=("1", 0), seed=SEED, denoise=1.0):
    """Nodes 6 to 8: conditionings, the latents with the mask, and KSampler."""
    return {
        "6": node("VDTConditioning"),
        "7": node("SetLatentNoiseMask", samples=["4", 0], mask=["5", 0]),
        "8": node(
            "KSampler", model=list(model), seed=seed, steps=steps, cfg=cfg, sampler_name=sampler, scheduler=scheduler,
            positive=["6", 0], negative=["6", 1], latent_image=["7", 0], denoise=denoise,
        ),
    }  # fmt: skip


def sampled(server, graph, *names):
    """Run a graph and read the latents of these nodes; "8:1" is the second output of node 8."""
    graph = dict(graph)
    for name in names:
        number, _, slot = name.partition(":")
        graph[f"save{name}"] = node(
            "SaveLatent", samples=[number, int(slot or 0)], filename_prefix=f"latents/test{number}"
        )
    outputs = server.done(graph)
    saved = [server.file(outputs[f"save{name}"]["latents"][0]) for name in names]
    return [load_file(path)["latent_tensor"] for path in saved]


def close(a, b):
    """Largest difference, in units of the spread of the second."""
    return float((a - b).abs().max() / b.std())


class Served:
    """What the conversion asks of a registry, answered by a running server's object_info."""

    def __init__(self, object_info):
        self.object_info = object_info

    def get(self, name):
        return ServedNode(self.object_info[name]) if name in self.object_info else None


class ServedNode:
    def __init__(self, info):
        self.info = info

    def schema(self):
        return NodeSchema.from_info(self.info)
