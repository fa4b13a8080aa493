"""Stands in for the providers' APIs on loopback: state, faults on demand, a record of what was asked."""
