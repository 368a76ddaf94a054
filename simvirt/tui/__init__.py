"""The stepping debugger: an engine in a thread of its own, and a Textual application."""

import os

# Textual paints at the next tick of a clock of its own, which at its usual 60 ticks a second
# makes up most of the time that a key takes.  It reads this when it is imported.
os.environ.setdefault("TEXTUAL_FPS", "250")
