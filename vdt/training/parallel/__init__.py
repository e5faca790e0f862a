"""One run on one or several processes, on PyTorch's own engine: DDP, FSDP2 and distributed checkpoints."""
