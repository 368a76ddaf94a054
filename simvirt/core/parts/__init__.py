"""The kernel's hand-written parts: plain functions over unsigned 64-bit words.

The generator pastes their source, with the rules of ``isa`` and the dispatch, into one
self-contained module.  Nothing here is imported at run time; names that a part does not define
(rules, indices, helpers) come from the other parts and are listed by the generator.
"""
