"""The region compiler: hot code of one physical page as machine code of this computer.

A region is derived from decoded words and changes nothing that a guest, an event or a snapshot
can see: it does what the interpreter's loop would do with the same words, and comes out in front
of any instruction that needs more than the page caches hold (docs/design.md, "Regions").
"""
