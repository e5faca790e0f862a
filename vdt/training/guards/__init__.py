"""What watches over a run: one that hangs is noticed, one whose loss jumps goes back."""
