"""A small host for the real editor: one engine behind ComfyUI's wire format, for this machine only."""
