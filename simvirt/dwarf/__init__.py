"""Reading DWARF (versions 2 to 5) of little-endian 64-bit files, bounds-checked and with limits.

Files may come from strangers.  What is damaged, or larger than a limit, raises `Damaged`.
"""
