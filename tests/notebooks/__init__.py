"""Tests of the notebooks and of how results show themselves in them."""
