"""Benchmarks: figures taken from outside of the running gateway. They never fail on a time."""
