"""The simulated world and its measures: whatever knows that clips show balls and cylinders lives here.

scenes/ renders clips with their ground truth. ball_tracker, motion and contact measure a clip in pixels. baselines
predict without a network, scores compares with the truth. evaluate scores one task and report writes its tables and
plots. suite runs all tasks, with diversity, memorization and inpainting.
"""
