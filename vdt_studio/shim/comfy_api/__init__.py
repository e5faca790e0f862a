"""`comfy_api`: the versioned interface for nodes."""
