"""The commands of walletsync, one file each.

A file NAME.py of this package is the command NAME: it holds a ``click.Command`` called ``command``. Files whose name
begins with an underscore are none.
"""
