"""The verbs of the command line, one file each: `edge NAME` is `verb` of NAME.py, imported when it is asked for."""
