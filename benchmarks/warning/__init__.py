"""What warnings are worth: the watch's order beside three rules at one budget, month by month."""
