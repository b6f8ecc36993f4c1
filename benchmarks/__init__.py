"""What we measure, side by side, and how to run it; see README.md."""
