"""Errors of decoded pictures: what a latent that is a little off looks like, and latents that change as pictures do."""
