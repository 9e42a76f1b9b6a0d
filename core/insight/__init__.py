"""What a run is doing: traces, one frame's life, what bounds it, and the live table."""
