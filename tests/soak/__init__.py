"""Thousands of calls of all kinds, and what is left of them."""
