"""From frames and a mask to a finished clip: settings, codec, windows, tiles, compositing, streaming, pipeline.

Everything between a loaded model and finished frames lives here. Training and command-line text never do.
"""
