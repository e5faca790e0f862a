"""Clips to learn from: simulated scenes and folders of videos."""
