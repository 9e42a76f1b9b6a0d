"""How much of the picture is people, and a tally of it: an example of a package for Edgeflow."""
