"""The built-in stages, one file each: every one is an example to copy."""
