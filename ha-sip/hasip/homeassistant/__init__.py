"""Talks to Home Assistant over its REST API; the only code that knows requests."""
