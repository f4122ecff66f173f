"""`Fit`, the waist of the hourglass, and what can be read from it directly."""
