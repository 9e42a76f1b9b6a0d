"""What `edge.testing` gives to plugin authors, and the conformance run behind `edge plugins test`. One noun per file."""
