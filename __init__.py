"""VDT as a pack of nodes for ComfyUI; everything that needs ComfyUI is imported when it asks for the nodes."""

WEB_DIRECTORY = "./web"


async def comfy_entrypoint():  # noqa: ANN201 - its type lives in ComfyUI
    """What ComfyUI calls to learn the nodes."""
    from .nodes import VDTExtension

    return VDTExtension()


__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]
