"""Ways to damage checkpoint files: headers, configurations, tensors, names, nestings, pickles."""

from __future__ import annotations

import json
import pickle
import random
import struct
from pathlib import Path
from typing import Any

from ..mutate import ODD, damaged_bytes, mutated


def _split(data: bytes) -> tuple[dict[str, Any], bytes]:
    (size,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def _joined(header: Any, rest: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode(errors="replace")
    return struct.pack("<Q", len(text)) + text + rest


def changed_header(data: bytes, rng: random.Random) -> bytes:
    header, rest = _split(data)
    if rng.random() < 0.3:
        return _joined(damaged_bytes(json.dumps(header).encode(), rng), rest)
    return _joined(mutated(header, rng, most=2), rest)


def changed_config(data: bytes, rng: random.Random) -> bytes:
    """Other numbers in the configuration; the file is otherwise as it should be."""
    header, rest = _split(data)
    metadata = header["__metadata__"]
    config = json.loads(metadata["config"])
    kind = rng.random()
    if kind < 0.5:
        for _ in range(rng.randint(1, 2)):
            table = config["diffusion"] if isinstance(config.get("diffusion"), dict) and rng.random() < 0.3 else config
            table[rng.choice(list(table))] = rng.choice(ODD)
        metadata["config"] = json.dumps(config)
    elif kind < 0.8:
        metadata["config"] = json.dumps(mutated(config, rng))
    else:
        metadata[rng.choice([*metadata, "kind", "format"])] = str(rng.choice(ODD))
    return _joined(header, rest)


def odd_tensors(data: bytes, rng: random.Random) -> bytes:
    """Other shapes, types and names of tensors over the same bytes, or some left out."""
    header, rest = _split(data)
    names = [name for name in header if name != "__metadata__"]
    for _ in range(rng.randint(1, 3)):
        name = rng.choice(names)
        entry = header.get(name)
        if not isinstance(entry, dict):
            continue
        kind = rng.randrange(5)
        if kind == 0:
            rng.shuffle(entry["shape"])
        elif kind == 1:
            entry["dtype"] = rng.choice(("F16", "BF16", "I8", "F64", "F8_E4M3", "BOOL", "F4", "X"))
        elif kind == 2:
            header[rng.choice((name + ".x", "blocks.99.attn.qkv.weight", "é", ""))] = header.pop(name)
        elif kind == 3:
            del header[name]
        else:
            entry["shape"] = rng.choice(([], [0], [2**62], [2**40, 2**40], [-1], entry["shape"] + [1]))
    return _joined(header, rest)


def odd_scales(data: bytes, rng: random.Random) -> bytes:
    """Other scales of int8 weights: too few, of another type, none, or numbers that are none."""
    header, rest = _split(data)
    name = rng.choice([name for name in header if name.endswith(".scale")])
    start, stop = header[name]["data_offsets"]
    kind = rng.randrange(5)
    if kind == 0:
        odd = struct.pack("<f", rng.choice((float("nan"), float("inf"), -1.0, 0.0, 3e38, 1e-45)))
        place = start + rng.randrange((stop - start) // 4) * 4
        rest = rest[:place] + odd + rest[place + 4 :]
    elif kind == 1:
        header[name]["shape"] = rng.choice(([1, *header[name]["shape"]], [*header[name]["shape"], 1]))
    elif kind == 2:
        header[name] |= {"dtype": rng.choice(("F16", "BF16", "I8")), "shape": [(stop - start) // 2]}
    elif kind == 3:
        header[name + "x"] = header.pop(name)
    else:
        other = rng.choice([other for other in header if other.endswith(".scale")])
        header[name], header[other] = header[other], header[name]
    return _joined(header, rest)


class _Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def odd_pickle(shared: Any, rng: random.Random) -> Path:
    import torch

    path = shared["folder"] / rng.choice(("case.pt", "case.ckpt", "case.bin", "case.pth"))
    value: Any = rng.choice(ODD)
    if rng.random() < 0.4:
        value = {"ema": dict(shared["official"]), "x": _Bomb(shared["canary"])}
    if rng.random() < 0.5:
        path.write_bytes(pickle.dumps(value, protocol=rng.choice((0, 2, 4, 5))))
    else:
        torch.save(value, path)
    if rng.random() < 0.5:
        path.write_bytes(damaged_bytes(path.read_bytes(), rng))
    return path


def odd_official(shared: Any, rng: random.Random) -> Path:
    """Official weights under other names and nestings, with parts that are missing, odd or of another shape."""
    import torch

    path = shared["folder"] / "case.pt"
    state = dict(shared["official"])
    for _ in range(rng.randint(0, 2)):
        name = rng.choice(list(state))
        value = state.get(name)
        odd = (None, 5, torch.zeros(0), torch.zeros(3, 3), torch.zeros(()), torch.ones(2, dtype=torch.int64), [1], "x")
        if rng.random() < 0.4 or value is None:
            state.pop(name, None)
        else:
            state[name] = rng.choice((*odd, value.double() if hasattr(value, "double") else value))
    prefix = rng.choice(("", "module.", "_orig_mod.", "module._orig_mod.", "model.", "ema_model."))
    state = {prefix + name: value for name, value in state.items()}
    if rng.random() < 0.2:  # averages as trainers keep them: without dots, or without names
        state |= {"model_ema." + name.replace(".", ""): value for name, value in state.items()}
    shadows = {"shadow_params": list(shared["official"].values()), "decay": 0.99}
    wrappers = rng.choice(((), ("ema",), ("model",), ("state_dict",), ("a", "b", "c"), ("checkpoint", "ema")))
    value: Any = state
    for wrapper in wrappers:
        value = {wrapper: value, "step": rng.choice(ODD)}
    if rng.random() < 0.2:
        value = {"ema": shadows, **value} if "ema" not in value else {"ema_x": shadows, **value}
    torch.save(value, path)
    if rng.random() < 0.2:
        path.write_bytes(damaged_bytes(path.read_bytes(), rng))
    return path


def foreign_names(state: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The weights of a VAE under the names of other programs, some odd or missing."""
    from vdt.checkpoints.vae_keys import KEY_FORMATS, count_numbers

    form = rng.choice(KEY_FORMATS)
    levels = count_numbers(state, r"decoder\.up\.(\d+)\.")
    prefix = rng.choice(("", "", "first_stage_model.", "vae.", "module.", "x.y."))
    named = {prefix + form.from_ldm(name, levels): value for name, value in state.items()}
    if rng.random() < 0.3:
        named = {name: value for name, value in named.items() if "quant_conv" not in name}
    if rng.random() < 0.3:  # attention as linear layers
        flat = {
            name: value[:, :, 0, 0] for name, value in named.items() if value.ndim == 4 and value.shape[2:] == (1, 1)
        }
        named |= {name: value for name, value in flat.items() if "attn" in name or "attentions" in name}
    if rng.random() < 0.3:
        named["model.diffusion_model.input_blocks.0.0.weight"] = next(iter(state.values())).new_zeros(3)
    for _ in range(rng.choice((0, 0, 1, 2))):
        name = rng.choice(list(named))
        value = named.pop(name)
        kind = rng.randrange(4)
        if kind == 0:
            named[name] = value.new_zeros(rng.choice(((), (0,), (3,), (2, 2), (1, 1, 1, 1, 1))))
        elif kind == 1:
            named[name.replace(".0.", f".{rng.choice((7, 99, 10**12))}.")] = value
        elif kind == 2:
            named[name + "x"] = value
    return named
