"""`comfy`: models, devices, progress."""
