"""Tests of the isa package."""
