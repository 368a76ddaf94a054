"""Tests of SimVirt."""
