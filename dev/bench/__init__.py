"""Benchmarks: the operator beside a bare program that does the same I/O, in one run on the same servers."""
