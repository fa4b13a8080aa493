"""Reconciles ReleaseSetup resources of Delivr."""
