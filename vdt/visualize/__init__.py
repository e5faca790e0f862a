"""Pictures of clips: contact sheets, masks over frames, latent previews and thumbnails.

Whatever draws for human eyes lives here. Nothing here changes a clip.
"""
