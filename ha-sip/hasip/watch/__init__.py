"""Whether the program does its work, asked from outside, and what is done when it does not."""
