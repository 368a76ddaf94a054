"""Tests of the inspection API."""
