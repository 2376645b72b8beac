"""Regression checks: a run against a baseline, and two runs against each other."""
