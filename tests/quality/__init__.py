"""Tests of the sources themselves, and of what the README promises."""
