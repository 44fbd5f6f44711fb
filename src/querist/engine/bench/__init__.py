"""Strategies against each other on data whose every label is known: one run, or a bench that a file describes."""
