"""`comfy_api.latest.io`: every name a node file writes after `io.`."""

from __future__ import annotations

from .dynamic import Autogrow, DynamicCombo, DynamicInput, MatchType, MultiType
from .node import ComfyNode, Hidden, HiddenHolder, NodeOutput, Schema
from .sockets import (
    BooleanInput,
    ComboInput,
    FloatInput,
    FolderType,
    Input,
    IntInput,
    MultiComboInput,
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

MultiCombo = socket("COMBO", MultiComboInput)
Array = socket("ARRAY", WidgetInput)
BoundingBox = socket("BOUNDING_BOX", WidgetInput)
BoundingBoxes = socket("BOUNDING_BOXES", WidgetInput)
Color = socket("COLOR", WidgetInput)
Colors = socket("COLORS", WidgetInput)
Curve = socket("CURVE", WidgetInput)
Range = socket("RANGE", WidgetInput)

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
    "Array",
    "Audio",
    "Autogrow",
    "Boolean",
    "BoundingBox",
    "BoundingBoxes",
    "Clip",
    "ClipVision",
    "Color",
    "Colors",
    "Combo",
    "ComfyNode",
    "Conditioning",
    "Curve",
    "Custom",
    "DynamicCombo",
    "DynamicInput",
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
    "MatchType",
    "Model",
    "MultiCombo",
    "MultiType",
    "NodeOutput",
    "Noise",
    "NumberDisplay",
    "Output",
    "Range",
    "Sampler",
    "Schema",
    "Sigmas",
    "String",
    "UploadType",
    "Vae",
    "Video",
    "WidgetInput",
]
