"""ComfyUI's own nodes that VDT's graphs use, written anew from their documented behaviour; the explicit list."""

from __future__ import annotations

from . import files, images, latents, masks, sampler, values, video

# Class, the module and the name that the real server states. Ids, inputs and their order are ComfyUI's.
STOCK: dict[str, tuple[type, str, str | None]] = {
    "CreateVideo": (video.CreateVideo, "comfy_extras.nodes_video", None),
    "GetVideoComponents": (video.GetVideoComponents, "comfy_extras.nodes_video", None),
    "ImageBatch": (images.ImageBatch, "nodes", "Batch Images"),
    "ImageFromBatch": (images.ImageFromBatch, "comfy_extras.nodes_images", "Get Image from Batch"),
    "ImageScale": (images.ImageScale, "nodes", "Upscale Image"),
    "ImageToMask": (masks.ImageToMask, "comfy_extras.nodes_mask", "Convert Image to Mask"),
    "InvertMask": (masks.InvertMask, "comfy_extras.nodes_mask", "Invert Mask"),
    "KSampler": (sampler.KSampler, "nodes", "KSampler"),
    "LatentBatch": (latents.LatentBatch, "comfy_extras.nodes_latent", "Batch Latents"),
    "LatentFromBatch": (latents.LatentFromBatch, "nodes", "Get Latent From Batch"),
    "LoadImage": (files.LoadImage, "nodes", "Load Image"),
    "LoadImageMask": (files.LoadImageMask, "nodes", "Load Image (as Mask)"),
    "LoadVideo": (video.LoadVideo, "comfy_extras.nodes_video", None),
    "MaskComposite": (masks.MaskComposite, "comfy_extras.nodes_mask", "Combine Masks"),
    "MaskToImage": (masks.MaskToImage, "comfy_extras.nodes_mask", "Convert Mask to Image"),
    "PreviewAny": (values.PreviewAny, "comfy_extras.nodes_preview_any", "Preview as Text"),
    "PreviewImage": (files.PreviewImage, "nodes", "Preview Image"),
    "PrimitiveFloat": (values.PrimitiveFloat, "comfy_extras.nodes_primitive", None),
    "PrimitiveInt": (values.PrimitiveInt, "comfy_extras.nodes_primitive", None),
    "RepeatImageBatch": (images.RepeatImageBatch, "comfy_extras.nodes_images", "Repeat Image Batch"),
    "SaveAnimatedWEBP": (files.SaveAnimatedWEBP, "comfy_extras.nodes_images", "Save Animated WEBP"),
    "SaveImage": (files.SaveImage, "nodes", "Save Image"),
    "SaveVideo": (video.SaveVideo, "comfy_extras.nodes_video", None),
    "SetLatentNoiseMask": (latents.SetLatentNoiseMask, "nodes", "Set Latent Noise Mask"),
    "SolidMask": (masks.SolidMask, "comfy_extras.nodes_mask", "Create Solid Mask"),
    "VAEDecode": (latents.VAEDecode, "nodes", "VAE Decode"),
    "VAEEncode": (latents.VAEEncode, "nodes", "VAE Encode"),
}

# Stock nodes that people are likely to have in a graph and that this runner lacks: only their names, for the message.
ABSENT = frozenset(
    {
        "BasicGuider",
        "BasicScheduler",
        "CFGGuider",
        "CLIPLoader",
        "CLIPTextEncode",
        "CheckpointLoaderSimple",
        "ControlNetLoader",
        "EmptyImage",
        "EmptyLatentImage",
        "ImagePadForOutpaint",
        "KSamplerAdvanced",
        "KSamplerSelect",
        "LoadAudio",
        "LoadLatent",
        "LoraLoader",
        "LoraLoaderModelOnly",
        "PrimitiveBoolean",
        "PrimitiveString",
        "RandomNoise",
        "SamplerCustom",
        "SamplerCustomAdvanced",
        "SaveAudio",
        "SaveLatent",
        "SaveWEBM",
        "UNETLoader",
        "UpscaleModelLoader",
        "VAEDecodeTiled",
        "VAEEncodeForInpaint",
        "VAEEncodeTiled",
        "VAELoader",
    }
)
