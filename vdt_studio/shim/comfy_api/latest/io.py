"""`comfy_api.latest.io`: every name a node file writes after `io.`."""

from __future__ import annotations

from .node import ComfyNode, Hidden, HiddenHolder, NodeOutput, Schema
from .sockets import (
    BooleanInput,
    ComboInput,
    FloatInput,
    FolderType,
    Input,
    IntInput,
    NumberDisplay,
    Output,
    StringInput,
    UploadType,
    WidgetInput,
    socket,
)

Custom = socket  # a private type: io.Custom("VDT_MODEL").Input("model")

Boolean = socket("BOOLEAN", BooleanInput)
Int = socket("INT", IntInput)
Float = socket("FLOAT", FloatInput)
String = socket("STRING", StringInput)
Combo = socket("COMBO", ComboInput)

AnyType = socket("*")
Audio = socket("AUDIO")
Clip = socket("CLIP")
ClipVision = socket("CLIP_VISION")
Conditioning = socket("CONDITIONING")
Guider = socket("GUIDER")
Image = socket("IMAGE")
Latent = socket("LATENT")
Mask = socket("MASK")
Model = socket("MODEL")
Noise = socket("NOISE")
Sampler = socket("SAMPLER")
Sigmas = socket("SIGMAS")
Vae = socket("VAE")
Video = socket("VIDEO")

__all__ = [
    "AnyType",
    "Audio",
    "Boolean",
    "Clip",
    "ClipVision",
    "Combo",
    "ComfyNode",
    "Conditioning",
    "Custom",
    "Float",
    "FolderType",
    "Guider",
    "Hidden",
    "HiddenHolder",
    "Image",
    "Input",
    "Int",
    "Latent",
    "Mask",
    "Model",
    "NodeOutput",
    "Noise",
    "NumberDisplay",
    "Output",
    "Sampler",
    "Schema",
    "Sigmas",
    "String",
    "UploadType",
    "Vae",
    "Video",
    "WidgetInput",
]
