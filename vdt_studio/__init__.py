"""Runs graphs of VDT's nodes without ComfyUI: reads what its editor saves, validates, executes, writes the outputs."""
