"""What crosses Call-IDs: sources, accounts, bindings and peers, and what is wrong with them.

`stage.Sources` takes the updates of the first stage in the order of wire time, wherever they come from, so
that a file, its import and the live wire give the same findings. Pure, and bounded everywhere.
"""
