"""What the nodes need of ComfyUI: layouts, devices, progress, files, VAEs, previews, stock samplers, its versions.

Everything in `nodes/` that knows how ComfyUI works stands here; the nodes themselves are schemas and a few calls. No
node is defined here, and nothing here computes what `vdt` could.
"""
