"""Pictures and videos that graphs read and write, with their tags, and how two versions of one are compared.

Decoding and encoding are `vdt.media`'s; here stand ComfyUI's conventions for saved files. No node lives here.
"""
